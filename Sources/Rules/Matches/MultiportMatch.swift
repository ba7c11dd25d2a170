import Net

/// `-m multiport`: a list of ports and port ranges (kernel: xt_multiport.c, revision 1).
public struct MultiportMatch: MatchExtension {
    public enum Side: String, Hashable, Sendable {
        case source = "sports"
        case destination = "dports"
        /// Either of the two.
        case either = "ports"
    }

    public var side: Side
    /// At most 15 numbers, of which a range takes two.
    public var ports: Negatable<[ClosedRange<UInt16>]>

    public init(side: Side, ports: Negatable<[ClosedRange<UInt16>]>) {
        self.side = side
        self.ports = ports
    }

    public static let description = ExtensionDescription(
        .match, "multiport", summary: "lists of ports",
        options: [
            OptionDescription("source-ports", "sports", canNegate: true),
            OptionDescription("destination-ports", "dports", canNegate: true),
            OptionDescription("ports", canNegate: true),
        ], protocols: [6, 17, 136, 132, 33], scope: .flow, status: .acts)

    public var match: Match { .multiport(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        guard let given = try options.oneOf(["source-ports", "destination-ports", "ports"]) else {
            throw RuleError("multiport expection an option", at: options.word)
        }
        guard let ipProtocol = given.ipProtocol else {
            throw RuleError(
                "multiport needs `-p tcp', `-p udp', `-p udplite', `-p sctp' or `-p dccp'",
                hint: "-p must stand before it", at: given.word)
        }
        guard !ipProtocol.isNegated, Self.description.protocols.contains(ipProtocol.value.rawValue) else {
            throw RuleError("multiport only works with TCP, UDP, UDPLITE, SCTP and DCCP", at: given.word)
        }
        var list: [ClosedRange<UInt16>] = []
        var count = 0
        for item in given.argument.text.split(separator: ",", omittingEmptySubsequences: false) {
            let ends = item.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let first = try options.port(ends[0], of: given)
            let last = ends.count == 2 ? try options.port(ends[1], of: given) : first
            guard ends.count == 1 || first < last else {
                throw RuleError("invalid portrange specified", at: given.argument)
            }
            list.append(first...last)
            count += ends.count
        }
        guard count <= 15 else { throw RuleError("too many ports specified", at: given.argument) }
        side = given.name == "ports" ? .either : given.name == "source-ports" ? .source : .destination
        ports = Negatable(list, isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        let list = ports.value.map { RulePrinter.range($0) }.joined(separator: ",")
        printer.option(side.rawValue, isNegated: ports.isNegated, list)
    }
}
