/// What an established flow's packet costs by the number of flows, from its frame to the frame that leaves; and what of that tracking is: the
/// same packets go through a router that does not track as well. The least of five rounds. Segments take more of the table than datagrams do.
func measurePackets(_ large: inout BenchRouter) {
    var small = BenchRouter(flows: few)
    small.open(few)
    var plain = BenchRouter(flows: few, .forwarding)
    plain.open(few)
    var smallTCP = BenchRouter(flows: few, isTCP: true)
    smallTCP.open(few)
    var largeTCP = BenchRouter(flows: million, isTCP: true)
    largeTCP.open(million)
    typealias Pair = (few: Double, many: Double)
    var datagrams: [Pair] = []
    var segments: [Pair] = []
    var untracked: [Pair] = []
    for _ in 0..<5 {
        datagrams.append((small.established(few, bursts: 4000), large.established(million, bursts: 4000)))
        segments.append((smallTCP.established(few, bursts: 4000), largeTCP.established(million, bursts: 4000)))
        untracked.append((plain.established(few, bursts: 4000), plain.established(million, bursts: 4000)))
    }
    // What others on the machine do only ever adds.
    func least(_ pairs: [Pair]) -> Pair { (pairs.map(\.few).min() ?? 0, pairs.map(\.many).min() ?? 0) }
    func report(_ name: String, _ pair: Pair, _ rounds: [Pair] = []) {
        let ratios = rounds.map { $0.many / $0.few }.sorted().map { rounded($0, 2) }
        print(
            row(name),
            "\(rounded(pair.few)) ns with 1,024 flows, \(rounded(pair.many)) ns with 1,048,576: \(rounded(pair.many / pair.few, 2)) times",
            ratios.isEmpty ? "" : "(in each of five rounds: \(ratios.joined(separator: " ")))")
    }
    let (tracked, plainly) = (least(datagrams), least(untracked))
    report("an established flow's packet", tracked, datagrams)
    report("a TCP connection's segment", least(segments), segments)
    report("a packet that is not tracked", plainly, untracked)
    report("what tracking a packet takes", (tracked.few - plainly.few, tracked.many - plainly.many))
}
