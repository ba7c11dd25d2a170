import Net
import TestSupport

extension TwinCase {
    /// The case as a scenario file, with what the kernel made of it as its expectations.
    public func scenario(caption: String, outcome: TwinOutcome) -> String {
        var lines = ["caption \(caption)"]
        if !sets.isEmpty { lines += ["sets"] + sets + ["end"] }
        if hasTable { lines += ["rules"] + rules.split(separator: "\n").map(String.init) + ["end"] }
        for (index, step) in steps.enumerated() {
            if let change = step.change {
                lines += change.lines
                continue
            }
            let side = Pool.topology.sides[step.side].name
            let pieces = step.fragments.map { "fragments \($0) " } ?? ""
            lines.append("send \(side) \(pieces)\(Self.withFixedFragmentIDs(step.text, fragmentNames))")
            for output in outcome.outputs where output.step == index {
                lines.append("expect \(Pool.topology.sides[output.side].name) \(Self.withoutEthernet(output.text))")
            }
        }
        lines += outcome.logs.map { "log \($0.text)" }
        for line in outcome.counters?.lines ?? [] where line.packets != 0 {
            lines.append("counter \(line.table) [\(line.packets):\(line.bytes)] \(line.text)")
        }
        for flow in outcome.flows { lines.append("flow \(Self.asFlowLine(flow))") }
        if outcome.flows.isEmpty { lines.append("flow none") }
        return lines.joined(separator: "\n") + "\n"
    }

    private static func withFixedFragmentIDs(_ text: String, _ names: Set<String>) -> String {
        var bindings: PacketPattern.Bindings = [:]
        for (number, name) in names.sorted().enumerated() { bindings[name] = UInt64(200 + number) }
        return PacketPattern.substitute(text, bindings)
    }

    /// `eth A > B` in front says nothing that the topology does not.
    private static func withoutEthernet(_ text: String) -> String {
        let words = text.split(separator: " ", omittingEmptySubsequences: false)
        guard words.first == "eth" else { return quoteLast(text) }
        return quoteLast(words.dropFirst(4).joined(separator: " "))
    }

    /// Fields of IPv4 stand before the payload, and an error's quote is one: ` id *` from the end goes there.
    private static func quoteLast(_ text: String) -> String {
        guard text.hasSuffix(" id *"), let quote = text.firstIndex(of: "[") else { return text }
        return text[..<quote] + "id * " + text[quote...].dropLast(5)
    }

    /// Protocol without its number, no counters: as `FlowLine` prints.
    private static func asFlowLine(_ text: String) -> String {
        var words = text.split(separator: " ").map(String.init)
        if words.count > 1 { words.remove(at: 1) }
        words.removeAll { word in ["packets=", "bytes=", "zone="].contains { word.hasPrefix($0) } }
        return words.joined(separator: " ")
    }
}
