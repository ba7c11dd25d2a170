import Glibc

/// `-m owner`: the user behind a packet of the host itself (kernel: xt_owner.c, revision 1).
public struct OwnerMatch: MatchExtension {
    public var users: Negatable<ClosedRange<UInt32>>?
    public var groups: Negatable<ClosedRange<UInt32>>?
    /// Whether the packet must have a socket.
    public var hasSocket: Bool?
    /// Supplementary groups of the user count too.
    public var countsSupplementaryGroups: Bool

    public init(
        users: Negatable<ClosedRange<UInt32>>? = nil, groups: Negatable<ClosedRange<UInt32>>? = nil,
        hasSocket: Bool? = nil, countsSupplementaryGroups: Bool = false
    ) {
        self.users = users
        self.groups = groups
        self.hasSocket = hasSocket
        self.countsSupplementaryGroups = countsSupplementaryGroups
    }

    public static let description = ExtensionDescription(
        .match, "owner", summary: "the user behind a packet of the host itself",
        options: [
            OptionDescription("uid-owner", canNegate: true), OptionDescription("gid-owner", canNegate: true),
            OptionDescription("socket-exists", arguments: 0, canNegate: true),
            OptionDescription("suppl-groups", arguments: 0),
        ], hooks: [.output, .postrouting], scope: .flow, status: .awaitsAppliance)

    public var match: Match { .owner(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        users = try Self.range(options["uid-owner"], options, Names.userNumber)
        groups = try Self.range(options["gid-owner"], options, Names.groupNumber)
        hasSocket = options["socket-exists"].map { !$0.isNegated }
        countsSupplementaryGroups = options.contains("suppl-groups")
        guard users != nil || groups != nil || hasSocket != nil else {
            if let given = options["suppl-groups"] { throw Self.lacksGroup(given) }
            throw RuleError(
                "owner: At least one of --uid-owner, --gid-owner or --socket-exists is required", at: options.word)
        }
        if countsSupplementaryGroups, groups == nil, let given = options["suppl-groups"] {
            throw Self.lacksGroup(given)
        }
    }

    private static func lacksGroup(_ given: GivenOption) -> RuleError {
        RuleError("owner: Bad value for \"--suppl-groups\" option: \"you need to use --gid-owner first\"", at: given.word)
    }

    /// A name, a number, or two numbers with a hyphen or a colon.
    private static func range(
        _ given: GivenOption?, _ options: GivenOptions, _ lookUp: (String) -> UInt32?
    ) throws(RuleError) -> Negatable<ClosedRange<UInt32>>? {
        guard let given else { return nil }
        let text = given.argument.text
        if let number = lookUp(text) { return Negatable(number...number, isNegated: given.isNegated) }
        let parts = text.split(maxSplits: 1, omittingEmptySubsequences: false) { $0 == "-" || $0 == ":" }
        guard let first = Number.parse(parts[0], in: 0...0xFFFF_FFFE),
            let last = Number.parse(parts[parts.count - 1], in: 0...0xFFFF_FFFE)
        else { throw options.invalid(given) }
        guard first <= last else { throw options.invalid(given, nil, "the range runs backwards").byKernel() }
        return Negatable(UInt32(first)...UInt32(last), isNegated: given.isNegated)
    }

    public func print(to printer: inout RulePrinter) {
        if let hasSocket { printer.option("socket-exists", isNegated: !hasSocket) }
        if let users {
            printer.option("uid-owner", isNegated: users.isNegated, RulePrinter.range(users.value, separator: "-"))
        }
        if let groups {
            printer.option("gid-owner", isNegated: groups.isNegated, RulePrinter.range(groups.value, separator: "-"))
        }
        if countsSupplementaryGroups { printer.option("suppl-groups") }
    }
}
