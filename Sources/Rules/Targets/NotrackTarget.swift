/// `-j NOTRACK`: the packet belongs to no flow; the older spelling of `-j CT --notrack` (kernel: xt_CT.c).
public struct NotrackTarget: TargetExtension {
    public init() {}

    public static let description = ExtensionDescription(
        .target, "NOTRACK", summary: "do not track the packet", options: [], tables: [.raw],
        hooks: [.prerouting, .output], scope: .flow, status: .acts)

    public var target: Target { .notrack(self) }

    public init(_ options: GivenOptions) throws(RuleError) {}

    public func print(to printer: inout RulePrinter) {}
}
