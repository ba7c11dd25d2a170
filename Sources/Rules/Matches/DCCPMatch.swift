/// `-m dccp`: ports, packet types and options of a DCCP header (kernel: xt_dccp.c; RFC 4340).
public struct DCCPMatch: MatchExtension {
    /// Packet types by their number, bit 0 for REQUEST; bit 15 stands for every type that is none (INVALID).
    public struct Types: OptionSet, Hashable, Sendable {
        public var rawValue: UInt16

        public init(rawValue: UInt16) { self.rawValue = rawValue }

        static let names: KeyValuePairs<String, Types> = [
            "REQUEST": Types(rawValue: 1 << 0), "RESPONSE": Types(rawValue: 1 << 1), "DATA": Types(rawValue: 1 << 2),
            "ACK": Types(rawValue: 1 << 3), "DATAACK": Types(rawValue: 1 << 4), "CLOSEREQ": Types(rawValue: 1 << 5),
            "CLOSE": Types(rawValue: 1 << 6), "RESET": Types(rawValue: 1 << 7), "SYNC": Types(rawValue: 1 << 8),
            "SYNCACK": Types(rawValue: 1 << 9), "INVALID": Types(rawValue: 1 << 15),
        ]
    }

    public var ports: TransportPorts
    public var types: Negatable<Types>?
    /// The number of an option that must be present.
    public var option: Negatable<UInt8>?

    public static let description = ExtensionDescription(
        .match, "dccp", summary: "ports, packet types and options of DCCP",
        options: TransportPorts.options + [
            OptionDescription("dccp-types", canNegate: true), OptionDescription("dccp-option", canNegate: true),
        ], protocols: [33], scope: .flow, status: .acts)

    public var match: Match { .dccp(self) }
    public var isFlowInvariant: Bool { types == nil && option == nil }

    public init(_ options: GivenOptions) throws(RuleError) {
        ports = try TransportPorts(options)
        if let given = options["dccp-types"] {
            types = Negatable(Types(try options.names(given, Types.names) { "Unknown DCCP type `\($0)'" }), isNegated: given.isNegated)
        }
        if let given = options["dccp-option"] {
            option = Negatable(try options.number(given, UInt8(1)...255), isNegated: given.isNegated)
        }
    }

    public func print(to printer: inout RulePrinter) {
        ports.print(to: &printer, savesEveryPort: true)
        if let types {
            let names = Types.names.filter { types.value.contains($0.value) }.map(\.key)
            printer.option("dccp-types", isNegated: types.isNegated, names.joined(separator: ","))
        }
        if let option { printer.option("dccp-option", isNegated: option.isNegated, String(option.value)) }
    }
}
