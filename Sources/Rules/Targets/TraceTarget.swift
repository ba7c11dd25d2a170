/// `-j TRACE`: log every rule the packet meets from here on (kernel: xt_TRACE.c).
public struct TraceTarget: TargetExtension {
    public init() {}

    public static let description = ExtensionDescription(
        .target, "TRACE", summary: "log every rule the packet meets", options: [], tables: [.raw], scope: .packet,
        status: .awaitsOperation)

    public var target: Target { .trace(self) }

    public init(_ options: GivenOptions) throws(RuleError) {}

    public func print(to printer: inout RulePrinter) {}
}
