import Net

/// `-j TPROXY`: hand the packet to a local transparent socket as it is (kernel: xt_TPROXY.c).
public struct TproxyTarget: TargetExtension {
    /// 0 keeps the packet's port.
    public var port: UInt16
    /// 0.0.0.0 stands for the ingress interface's address.
    public var address: IPv4Address
    /// mark = (mark & ~mask) ^ value.
    public var mark: MaskedValue

    public init(port: UInt16, address: IPv4Address = .any, mark: MaskedValue = MaskedValue(0, mask: 0)) {
        self.port = port
        self.address = address
        self.mark = mark
    }

    public static let description = ExtensionDescription(
        .target, "TPROXY", summary: "hand the packet to a local transparent socket",
        options: [OptionDescription("on-port"), OptionDescription("on-ip"), OptionDescription("tproxy-mark")],
        tables: [.mangle], hooks: .prerouting, protocols: [6, 17], scope: .packet, status: .awaitsAppliance)

    public var target: Target { .tproxy(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let address = try options["on-ip"].map { option throws(RuleError) in try options.host(option) } ?? .any
        let mark = try options["tproxy-mark"].map { option throws(RuleError) in try options.maskedValue(option) }
        let given = try options.required("on-port")
        let text = given.argument.text
        guard let number = UInt16(text) ?? Names.servicePort(text, protocolName: nil) else {
            throw RuleError("Port \"\(text)\" does not resolve to anything.", at: given.argument)
        }
        self.init(port: number, address: address, mark: mark ?? MaskedValue(0, mask: 0))
    }

    public func print(to printer: inout RulePrinter) {
        printer.option("on-port", String(port))
        printer.option("on-ip", address.description)
        printer.option("tproxy-mark", "\(Number.hexadecimal(mark.value))/\(Number.hexadecimal(mark.mask))")
    }
}
