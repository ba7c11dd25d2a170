/// Kinds of address as routing sees them (linux/netfilter/xt_addrtype.h).
public struct AddressTypes: OptionSet, Hashable, Sendable {
    public var rawValue: UInt16

    public init(rawValue: UInt16) { self.rawValue = rawValue }

    public static let unspecified = AddressTypes(rawValue: 1 << 0)
    public static let unicast = AddressTypes(rawValue: 1 << 1)
    public static let local = AddressTypes(rawValue: 1 << 2)
    public static let broadcast = AddressTypes(rawValue: 1 << 3)
    public static let anycast = AddressTypes(rawValue: 1 << 4)
    public static let multicast = AddressTypes(rawValue: 1 << 5)
    public static let blackhole = AddressTypes(rawValue: 1 << 6)
    public static let unreachable = AddressTypes(rawValue: 1 << 7)
    public static let prohibit = AddressTypes(rawValue: 1 << 8)
    public static let `throw` = AddressTypes(rawValue: 1 << 9)
    public static let nat = AddressTypes(rawValue: 1 << 10)
    public static let xresolve = AddressTypes(rawValue: 1 << 11)

    static let names: KeyValuePairs<String, AddressTypes> = [
        "UNSPEC": .unspecified, "UNICAST": .unicast, "LOCAL": .local, "BROADCAST": .broadcast, "ANYCAST": .anycast,
        "MULTICAST": .multicast, "BLACKHOLE": .blackhole, "UNREACHABLE": .unreachable, "PROHIBIT": .prohibit,
        "THROW": .throw, "NAT": .nat, "XRESOLVE": .xresolve,
    ]
}

extension AddressTypes: CustomStringConvertible {
    public var description: String { Self.names.filter { contains($0.value) }.map(\.key).joined(separator: ",") }
}

/// `-m addrtype`: what the routing tables say an address is (kernel: xt_addrtype.c, revision 1).
public struct AddrtypeMatch: MatchExtension {
    /// Which interface the question is confined to.
    public enum Confinement: String, Hashable, Sendable {
        case inInterface = "limit-iface-in"
        case outInterface = "limit-iface-out"
    }

    public var source: Negatable<AddressTypes>?
    public var destination: Negatable<AddressTypes>?
    public var confinement: Confinement?

    public init(
        source: Negatable<AddressTypes>? = nil, destination: Negatable<AddressTypes>? = nil,
        confinement: Confinement? = nil
    ) {
        self.source = source
        self.destination = destination
        self.confinement = confinement
    }

    public static let description = ExtensionDescription(
        .match, "addrtype", summary: "what routing says an address is",
        options: [
            OptionDescription("src-type", canNegate: true), OptionDescription("dst-type", canNegate: true),
            OptionDescription("limit-iface-in", arguments: 0), OptionDescription("limit-iface-out", arguments: 0),
        ], scope: .flow, status: .acts)

    public var match: Match { .addrtype(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        if let given = options["src-type"] {
            source = Negatable(try Self.types(given, options), isNegated: given.isNegated)
        }
        if let given = options["dst-type"] {
            destination = Negatable(try Self.types(given, options), isNegated: given.isNegated)
        }
        guard source != nil || destination != nil else {
            throw RuleError("addrtype: you must specify --src-type or --dst-type", at: options.word)
        }
        confinement = try options.oneOf(["limit-iface-in", "limit-iface-out"]).flatMap {
            Confinement(rawValue: $0.name)
        }
    }

    private static func types(_ given: GivenOption, _ options: GivenOptions) throws(RuleError) -> AddressTypes {
        AddressTypes(try options.names(given, AddressTypes.names, allowsBeginnings: true) { "addrtype: bad type \"\($0)\"" })
    }

    public func check(at place: RulePlace) throws(RuleError) {
        if confinement == .outInterface, !place.hooks.isDisjoint(with: [.prerouting, .input]) {
            throw RuleError("addrtype: output interface limitation not valid in PREROUTING and INPUT")
        }
        if confinement == .inInterface, !place.hooks.isDisjoint(with: [.postrouting, .output]) {
            throw RuleError("addrtype: input interface limitation not valid in POSTROUTING and OUTPUT")
        }
    }

    public func print(to printer: inout RulePrinter) {
        if let source { printer.option("src-type", isNegated: source.isNegated, source.value.description) }
        if let destination {
            printer.option("dst-type", isNegated: destination.isNegated, destination.value.description)
        }
        if let confinement { printer.option(confinement.rawValue) }
    }
}
