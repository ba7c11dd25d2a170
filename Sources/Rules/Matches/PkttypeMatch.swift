/// `-m pkttype`: how the frame was addressed on the link (kernel: xt_pkttype.c).
public struct PkttypeMatch: MatchExtension {
    /// PACKET_… of linux/if_packet.h.
    public enum Kind: String, Hashable, Sendable, CaseIterable {
        case unicast, broadcast, multicast, otherhost
    }

    public var kind: Negatable<Kind>

    private static let aliases = ["host": Kind.unicast, "bcast": .broadcast, "mcast": .multicast]

    public init(kind: Negatable<Kind>) { self.kind = kind }

    public static let description = ExtensionDescription(
        .match, "pkttype", summary: "unicast, broadcast or multicast frame",
        options: [OptionDescription("pkt-type", canNegate: true)], scope: .packet, status: .acts)

    public var match: Match { .pkttype(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("pkt-type")
        let text = given.argument.text.lowercased()
        guard let value = Self.aliases[text] ?? Kind(rawValue: text) else {
            throw RuleError(
                "Bad packet type '\(given.argument.text)'",
                hint: Suggestion.hint(for: text, among: Kind.allCases.map(\.rawValue)), at: given.argument)
        }
        kind = Negatable(value, isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("pkt-type", isNegated: kind.isNegated, kind.value.rawValue)
    }
}
