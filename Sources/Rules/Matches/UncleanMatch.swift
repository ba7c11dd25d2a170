/// `-m unclean`: packets whose lengths, checksums or flags no sender may produce. Linux lost it in 2.6; rules that have
/// it are taken as they were.
public struct UncleanMatch: MatchExtension {
    public init() {}

    public static let description = ExtensionDescription(
        .match, "unclean", summary: "malformed packets", options: [], scope: .packet, status: .acts)

    public var match: Match { .unclean(self) }

    public init(_ options: GivenOptions) throws(RuleError) {}

    public func print(to printer: inout RulePrinter) {}
}
