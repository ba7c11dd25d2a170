import Glibc

/// What a new flow's packet costs with MASQUERADE as the ports toward its destination are taken, one after the other, by clients that all
/// come from the same two source ports, so that nearly every flow needs another port than its own.
func measureLastPorts() {
    /// RFC 4787's class of the clients' ports, all toward one destination.
    let ports = 65536 - 1024
    let shares = [0.5, 0.9, 0.95, 0.99]
    /// A share's cost is that of bursts around it.
    let around = 10 * 64
    var kept: [Double] = []
    var costs = [[Double]](repeating: [], count: shares.count)
    var vain: [Double] = []
    for _ in 0..<5 {
        var keeping = BenchRouter(flows: 2 * ports, .masquerading)
        for first in stride(from: 0, to: ports / 2, by: 64) {
            for place in 0..<64 { keeping.put(client: 0, sourcePort: UInt16(1024 + first + place), at: place) }
            kept.append(keeping.process(64, CLOCK_MONOTONIC) / 64)
        }
        var router = BenchRouter(flows: 2 * ports, .masquerading)
        func put(_ router: inout BenchRouter, _ flow: Int, _ place: Int) {
            router.put(client: flow >> 1, sourcePort: UInt16(20000 + flow & 1), at: place)
        }
        for first in stride(from: 0, to: ports, by: 64) {
            for place in 0..<64 { put(&router, first + place, place) }
            let cost = router.process(64, CLOCK_MONOTONIC) / 64
            for (index, share) in shares.enumerated() where abs(first - Int(share * Double(ports))) < around { costs[index].append(cost) }
        }
        for first in stride(from: ports, to: ports + 2 * around, by: 64) {
            for place in 0..<64 { put(&router, first + place, place) }
            vain.append(router.process(64, CLOCK_MONOTONIC, isLost: true) / 64)
        }
    }
    func middle(_ values: [Double]) -> String { rounded(quantile(values.sorted(), 0.5)) }
    print(row("a new flow's packet, its port kept"), "\(middle(kept)) ns")
    for (share, costs) in zip(shares, costs) {
        print(row("another port chosen, \(rounded(share * 100)) % taken"), "\(middle(costs)) ns")
    }
    print(row("dropped, all ports taken"), "\(middle(vain)) ns")
}
