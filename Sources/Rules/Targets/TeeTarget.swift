import Net

/// `-j TEE`: send a copy to another host on the link (kernel: xt_TEE.c).
public struct TeeTarget: TargetExtension {
    public var gateway: IPv4Address
    /// Interface the way to the gateway is looked for on; nil for any.
    public var outInterface: String?

    public init(gateway: IPv4Address, outInterface: String? = nil) {
        self.gateway = gateway
        self.outInterface = outInterface
    }

    public static let description = ExtensionDescription(
        .target, "TEE", summary: "send a copy to another host",
        options: [OptionDescription("gateway"), OptionDescription("oif")], scope: .packet, status: .acts)

    public var target: Target { .tee(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("gateway")
        gateway = try options.host(given)
        guard !gateway.isUnspecified else { throw options.invalid(given, nil, "a gateway has an address").byKernel() }
        if let option = options["oif"], !option.argument.text.isEmpty {
            outInterface = try options.string(option, upTo: 15)
        }
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("gateway", gateway.description)
        if let outInterface { printer.option("oif", outInterface) }
    }
}
