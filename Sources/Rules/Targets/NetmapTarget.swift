/// `-j NETMAP`: another network part, the host part as it was (kernel: xt_NETMAP.c). In PREROUTING and OUTPUT it
/// changes the destination, elsewhere the source.
public struct NetmapTarget: TargetExtension {
    public var network: AddressMask

    public init(network: AddressMask) { self.network = network }

    public static let description = ExtensionDescription(
        .target, "NETMAP", summary: "one network mapped onto another, address by address",
        options: [OptionDescription("to")], tables: [.nat], hooks: [.prerouting, .input, .output, .postrouting],
        scope: .flow, status: .acts)

    public var target: Target { .netmap(self) }

    public init(_ options: GivenOptions) throws(RuleError) {
        let given = try options.required("to")
        let value = try options.address(given)
        guard value.prefixLength != nil else { throw options.invalid(given, nil, "the mask has holes") }
        network = AddressMask(address: value.address, mask: value.mask)
    }

    public func print(to printer: inout RulePrinter) { printer.option("to", network.description) }
}
