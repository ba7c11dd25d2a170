import Control

extension Stats {
    /// In the words of `conntrack -S`.
    private var flowText: String {
        guard let flows else { return "flows       unknown" }
        return "flows       \(flows.count); found=\(flows.found) invalid=\(flows.invalid) insert_failed=\(flows.insertFailed) drop=\(flows.drop) early_drop=\(flows.earlyDrop) error=\(flows.error) clash_resolve=\(flows.clashResolved) expect_new=\(flows.expectNew) expect_create=\(flows.expectCreate) expect_delete=\(flows.expectDelete)"
    }

    /// The books as a table of two sides, and what belongs to them.
    var text: String {
        var table = Table([("in", .left), ("packets", .right), ("out", .left), ("packets", .right)])
        let came: [(String, UInt64)] = [
            ("received", received), ("from host", fromHost), ("made here", madeHere),
            ("extra fragments", extraFragments),
        ]
        var went: [(String, UInt64)] = [("transmitted", transmitted), ("to host", toHost)]
        for (reason, packets) in dropped.sorted(by: { $0.key < $1.key }) where packets > 0 {
            went.append(("dropped: \(reason)", packets))
        }
        went += [("absorbed by reassembly", absorbed), ("held", held)]
        for row in 0..<max(came.count, went.count) {
            let left = row < came.count ? came[row] : nil
            let right = row < went.count ? went[row] : nil
            table.add([
                left?.0 ?? "", left.map { "\($0.1)" } ?? "", right?.0 ?? "", right.map { "\($0.1)" } ?? "",
            ])
        }
        table.add(["total", "\(incoming)", "total", "\(outgoing)"])
        return table.take() + """

            frames      \(framesOwned) owned of \(framesInUmem)
            ring losses \(lostInRings) packets
            effects     \(effectsLost) lost in rings, \(unwritten) log lines and copies not taken
            \(flowText)
            generation  \(generation)
            uptime      \(uptime) s
            the books \(isBalanced ? "balance" : "do NOT balance")

            """
    }
}
