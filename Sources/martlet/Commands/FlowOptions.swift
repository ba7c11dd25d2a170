import ArgumentParser
import Control
import Net

/// Which flows are meant, with the options of `conntrack -L`.
struct FlowOptions: ParsableArguments {
    @Option(name: [.customShort("p"), .customLong("proto")], help: "Protocol, by name or number.")
    var ipProtocol: IPProtocol?
    @Option(name: [.customShort("s"), .customLong("src")], help: "Source of the original direction.")
    var source: IPv4Prefix?
    @Option(name: [.customShort("d"), .customLong("dst")], help: "Destination of the original direction.")
    var destination: IPv4Prefix?
    @Option(name: .customLong("sport"), help: "Source port of the original direction.")
    var sourcePort: UInt16?
    @Option(name: .customLong("dport"), help: "Destination port of the original direction.")
    var destinationPort: UInt16?
    @Option(name: [.customShort("r"), .customLong("reply-src")], help: "Source of the reply direction.")
    var replySource: IPv4Prefix?
    @Option(name: [.customShort("q"), .customLong("reply-dst")], help: "Destination of the reply direction.")
    var replyDestination: IPv4Prefix?
    @Option(help: "State, such as ESTABLISHED.", transform: { $0.uppercased() })
    var state: String?
    @Option(name: [.customShort("m"), .customLong("mark")], help: "Mark, decimal or after 0x.", transform: mark)
    var mark: UInt32?
    @Option(name: [.customShort("w"), .customLong("zone")], help: "Zone of either direction.")
    var zone: UInt16?

    var filter: FlowFilter {
        FlowFilter(
            protocol: ipProtocol, source: source, destination: destination, sourcePort: sourcePort,
            destinationPort: destinationPort, replySource: replySource, replyDestination: replyDestination,
            state: state, mark: mark, zone: zone)
    }

    private static func mark(_ text: String) throws -> UInt32 {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard digits.first != "+", let mark = UInt32(digits, radix: text.hasPrefix("0x") ? 16 : 10) else {
            throw ValidationError("\"\(text)\" is no mark")
        }
        return mark
    }
}

extension IPv4Prefix: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
}

extension IPProtocol: ExpressibleByArgument {
    public init?(argument: String) {
        let named: [IPProtocol] = [.icmp, .igmp, .tcp, .udp, .dccp, .gre, .esp, .ah, .sctp, .udpLite]
        if let found = named.first(where: { $0.description == argument.lowercased() }) {
            self = found
        } else if let number = UInt8(argument) {
            self.init(rawValue: number)
        } else {
            return nil
        }
    }
}
