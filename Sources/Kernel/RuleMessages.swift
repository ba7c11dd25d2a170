import CXDP
import Net

// Policy rules as rtnetlink writes them (linux/fib_rules.h; the kernel's writer is `fib_nl_fill_rule`).

/// A policy rule, and what of it the router cannot honour.
struct RuleReading: Hashable {
    var rule: PolicyRule
    /// Why the rule is left out, or empty if it can be honoured in full.
    var problems: [String]

    /// struct fib_rule_hdr: family, destination and source length, tos, table, two reserved, action, flags (32 bits).
    private static let headerSize = 12
    private static let invertFlag: UInt32 = 2
    /// FRA_… that came after Debian 12's headers.
    private enum Field {
        static let dscp = 25, sourcePortMask = 28, destinationPortMask = 29, dscpMask = 30
    }

    init?(_ message: NetlinkMessage) {
        let payload = message.payload
        guard payload.uint8(at: 0) == UInt8(AF_INET), let destinationLength = payload.uint8(at: 1),
            let sourceLength = payload.uint8(at: 2), destinationLength <= 32, sourceLength <= 32,
            let tos = payload.uint8(at: 3), let shortTable = payload.uint8(at: 4), let action = payload.uint8(at: 7),
            let flags = payload.uint32(at: 8)
        else { return nil }
        rule = PolicyRule(
            priority: 0, source: IPv4Prefix(.any, sourceLength), destination: IPv4Prefix(.any, destinationLength),
            tos: tos,
            isInverted: flags & Self.invertFlag != 0, action: .nop)
        problems = []
        var table = UInt32(shortTable)
        var target: UInt32?
        for attribute in payload.attributes(from: Self.headerSize) {
            let value = attribute.value
            let number = value.uint32(at: 0)
            switch attribute.kind {
            case Int(FRA_DST): rule.destination.address = value.address(at: 0) ?? .any
            case Int(FRA_SRC): rule.source.address = value.address(at: 0) ?? .any
            case Int(FRA_IIFNAME): rule.ingress = value.text()
            case Int(FRA_OIFNAME): rule.egress = value.text()
            case Int(FRA_PRIORITY): rule.priority = number ?? 0
            case Int(FRA_FWMARK): rule.mark = number ?? 0
            case Int(FRA_FWMASK): rule.markMask = number ?? 0
            case Int(FRA_TABLE): table = number ?? table
            case Int(FRA_GOTO): target = number
            case Int(FRA_FLOW): rule.realm = number ?? 0
            case Int(FRA_IP_PROTO): rule.ipProtocol = value.uint8(at: 0) ?? 0
            case Int(FRA_SPORT_RANGE): rule.sourcePorts = Self.ports(value)
            case Int(FRA_DPORT_RANGE): rule.destinationPorts = Self.ports(value)
            case Int(FRA_SUPPRESS_PREFIXLEN):
                let length = Int32(bitPattern: number ?? .max)
                rule.suppressPrefixLength = length < 0 ? nil : Int(length)
            default: take(attribute)
            }
        }
        setAction(action, table: table, target: target)
    }

    /// What is rarely used and mostly not honoured.
    private mutating func take(_ attribute: NetlinkAttribute) {
        let value = attribute.value
        switch attribute.kind {
        case Int(FRA_PAD), Int(FRA_PROTOCOL): break
        case Int(FRA_L3MDEV): if value.uint8(at: 0) ?? 0 != 0 { problems.append("l3mdev (VRF) is not supported") }
        case Int(FRA_TUN_ID): problems.append("tun_id is not supported")
        case Int(FRA_SUPPRESS_IFGROUP): problems.append("suppress_ifgroup is not supported")
        case Int(FRA_UID_RANGE): problems.append("uidrange is not supported")
        case Field.dscp:
            let dscp = value.uint8(at: 0) ?? 0
            // The kernel takes the tos of a rule for a whole DSCP too, except that 0 there stands for any.
            if dscp == 0 { problems.append("dscp 0 is not supported") } else { rule.tos = dscp << 2 }
        case Field.dscpMask:
            if value.uint8(at: 0) ?? 0x3F != 0x3F { problems.append("a mask of dscp is not supported") }
        case Field.sourcePortMask, Field.destinationPortMask:
            if value.uint16(at: 0) ?? .max != .max { problems.append("a mask of ports is not supported") }
        default: problems.append("attribute \(attribute.kind) is not known")
        }
    }

    private mutating func setAction(_ action: UInt8, table: UInt32, target: UInt32?) {
        switch Int(action) {
        case Int(FR_ACT_TO_TBL): rule.action = .lookup(table: table)
        case Int(FR_ACT_GOTO): rule.action = .goto(priority: target ?? 0)
        case Int(FR_ACT_NOP): rule.action = .nop
        case Int(FR_ACT_BLACKHOLE): rule.action = .blackhole
        case Int(FR_ACT_UNREACHABLE): rule.action = .unreachable
        case Int(FR_ACT_PROHIBIT): rule.action = .prohibit
        default: problems.append("action \(action) is not known")
        }
    }

    /// struct fib_rule_port_range: two 16-bit numbers in host order. The kernel refuses a range that runs backwards.
    private static func ports(_ value: NetlinkView) -> ClosedRange<UInt16>? {
        guard let first = value.uint16(at: 0), let last = value.uint16(at: 2), first <= last else { return nil }
        return first...last
    }

    /// The warnings this rule deserves.
    var unsupported: [Unsupported] {
        let subject = "ip rule, priority \(rule.priority)"
        return problems.map { Unsupported(subject: subject, reason: "\($0), so the rule is left out") }
    }
}
