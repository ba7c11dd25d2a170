/// `-j MIRROR`: swap source and destination and send the packet back, at most once. Linux lost it in 2.6.
public struct MirrorTarget: TargetExtension {
    public init() {}

    public static let description = ExtensionDescription(
        .target, "MIRROR", summary: "send the packet back where it came from", options: [],
        hooks: [.prerouting, .input, .forward], scope: .packet, status: .acts)

    public var target: Target { .mirror(self) }

    public init(_ options: GivenOptions) throws(RuleError) {}

    public func print(to printer: inout RulePrinter) {}
}
