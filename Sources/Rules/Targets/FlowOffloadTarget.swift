/// `-j FLOWOFFLOAD`: let the packet's flow take the fast path, as OpenWrt's target of this name does.
public struct FlowOffloadTarget: TargetExtension {
    /// `--hw`: in hardware, where there is some.
    public var inHardware: Bool

    public init(inHardware: Bool = false) { self.inHardware = inHardware }

    public static let description = ExtensionDescription(
        .target, "FLOWOFFLOAD", summary: "let the flow take the fast path",
        options: [OptionDescription("hw", arguments: 0)], tables: [.filter], hooks: .forward, scope: .flow,
        status: .awaitsSpeed)

    public var target: Target { .flowoffload(self) }

    public init(_ options: GivenOptions) throws(RuleError) { inHardware = options.contains("hw") }

    public func print(to printer: inout RulePrinter) {
        if inHardware { printer.option("hw") }
    }
}
