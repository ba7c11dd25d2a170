import ArgumentParser
import Control
import Net

/// Which flows are meant, with the options of `conntrack -L`.
struct FlowOptions: ParsableArguments {
    @Option(name: [.customShort("p"), .customLong("proto"), .customLong("protonum")], help: "Protocol, by name or number.")
    var ipProtocol: IPProtocol?
    @Option(
        name: [.customShort("s"), .customLong("src"), .customLong("orig-src")], help: "Source of the original direction.")
    var source: IPv4Prefix?
    @Option(
        name: [.customShort("d"), .customLong("dst"), .customLong("orig-dst")], help: "Destination of the original direction.")
    var destination: IPv4Prefix?
    @Option(name: [.customLong("sport"), .customLong("orig-port-src")], help: "Source port of the original direction.")
    var sourcePort: UInt16?
    @Option(name: [.customLong("dport"), .customLong("orig-port-dst")], help: "Destination port of the original direction.")
    var destinationPort: UInt16?
    @Option(name: [.customShort("r"), .customLong("reply-src")], help: "Source of the reply direction.")
    var replySource: IPv4Prefix?
    @Option(name: [.customShort("q"), .customLong("reply-dst")], help: "Destination of the reply direction.")
    var replyDestination: IPv4Prefix?
    @Option(help: "Source port of the reply direction.")
    var replyPortSrc: UInt16?
    @Option(help: "Destination port of the reply direction.")
    var replyPortDst: UInt16?
    @Option(help: "ICMP type of the original direction.")
    var icmpType: UInt8?
    @Option(help: "ICMP code of the original direction.")
    var icmpCode: UInt8?
    @Option(help: "ICMP identifier.")
    var icmpId: UInt16?
    @Flag(name: [.customShort("n"), .customLong("src-nat")], help: "Only flows whose source is translated.")
    var isSourceTranslated = false
    @Flag(name: [.customShort("g"), .customLong("dst-nat")], help: "Only flows whose destination is translated.")
    var isDestinationTranslated = false
    @Flag(name: [.customShort("j"), .customLong("any-nat")], help: "Only flows of which either is translated.")
    var isTranslated = false
    @Option(help: "State, such as ESTABLISHED.", transform: { $0.uppercased() })
    var state: String?
    @Option(
        name: [.customShort("u"), .customLong("status")],
        help: "What must be true, with commas: SEEN_REPLY, ASSURED, CONFIRMED, EXPECTED, SRC_NAT, DST_NAT, UNREPLIED, UNSET.",
        transform: status)
    var status: [String]?
    @Option(name: [.customShort("m"), .customLong("mark")], help: "VALUE or VALUE/MASK, decimal or after 0x.", transform: mark)
    var mark: Mark?
    @Option(name: [.customShort("w"), .customLong("zone")], help: "Zone of either direction.")
    var zone: UInt16?
    @Option(name: .customLong("orig-zone"), help: "Zone of the original direction.")
    var originalZone: UInt16?
    @Option(help: "Zone of the reply direction.")
    var replyZone: UInt16?
    @Option(name: [.customShort("l"), .customLong("label")], help: "A label, 0 to 127.")
    var label: UInt8?
    @Option(help: "The helper's name.")
    var helper: String?

    /// What a mark must be in the bits that count.
    struct Mark {
        var value: UInt32
        var mask: UInt32?
    }

    var filter: FlowFilter {
        var filter = FlowFilter(
            protocol: ipProtocol, source: source, destination: destination, sourcePort: sourcePort,
            destinationPort: destinationPort, replySource: replySource, replyDestination: replyDestination,
            state: state, mark: mark?.value, zone: zone)
        filter.markMask = mark?.mask
        filter.status = status
        filter.replySourcePort = replyPortSrc
        filter.replyDestinationPort = replyPortDst
        filter.icmpType = icmpType
        filter.icmpCode = icmpCode
        filter.icmpID = icmpId
        filter.originalZone = originalZone
        filter.replyZone = replyZone
        filter.label = label
        filter.helper = helper
        if isSourceTranslated { filter.isSourceTranslated = true }
        if isDestinationTranslated { filter.isDestinationTranslated = true }
        if isTranslated { filter.isTranslated = true }
        return filter
    }

    private static let statuses = [
        "EXPECTED", "SEEN_REPLY", "ASSURED", "CONFIRMED", "SRC_NAT", "DST_NAT", "SEQ_ADJUST", "FIXED_TIMEOUT", "HELPER", "UNREPLIED",
        "UNSET",
    ]

    private static func status(_ text: String) throws -> [String] {
        try text.split(separator: ",", omittingEmptySubsequences: false).map { word in
            let word = word.uppercased()
            guard statuses.contains(word) else {
                throw ValidationError("\"\(word)\" is no status; there are \(statuses.joined(separator: ", "))")
            }
            return word
        }
    }

    private static func mark(_ text: String) throws -> Mark {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let mask = parts.count > 1 ? try number(parts[1]) : nil
        return Mark(value: try number(parts[0]) & (mask ?? .max), mask: mask)
    }

    private static func number(_ text: String) throws -> UInt32 {
        let digits = text.hasPrefix("0x") ? text.dropFirst(2) : text[...]
        guard digits.first != "+", let mark = UInt32(digits, radix: text.hasPrefix("0x") ? 16 : 10) else {
            throw ValidationError("\"\(text)\" is no mark")
        }
        return mark
    }
}

extension IPv4Address: ExpressibleByArgument {
    public init?(argument: String) { self.init(argument) }
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
