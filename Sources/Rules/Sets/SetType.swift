import Net

/// What a set's elements are made of, by ipset's name.
public enum SetType: String, Hashable, Sendable, CaseIterable {
    case hashIP = "hash:ip"
    case hashNet = "hash:net"
    case hashIPPort = "hash:ip,port"
    case hashNetPort = "hash:net,port"
    case hashIPPortIP = "hash:ip,port,ip"
    case bitmapIP = "bitmap:ip"
    case bitmapPort = "bitmap:port"
    case listSet = "list:set"

    /// What ipset called them before version 5, and takes to this day.
    static let formerNames: [String: SetType] = [
        "iphash": .hashIP, "nethash": .hashNet, "ipporthash": .hashIPPort, "netporthash": .hashNetPort, "ipportiphash": .hashIPPortIP,
        "ipmap": .bitmapIP, "portmap": .bitmapPort, "setlist": .listSet,
    ]

    /// Types that ipset knows and this router has not, by all their names.
    static let missing: Set<String> = [
        "hash:mac", "hash:ip,mark", "hash:ip,mac", "hash:ip,port,net", "hash:net,net", "hash:net,iface", "hash:net,port,net",
        "bitmap:ip,mac", "macipmap", "ipportnethash",
    ]

    /// Parts of an element, which is how many `src` and `dst` a rule gives.
    public var dimensions: Int {
        switch self {
        case .hashIP, .hashNet, .bitmapIP, .bitmapPort, .listSet: 1
        case .hashIPPort, .hashNetPort: 2
        case .hashIPPortIP: 3
        }
    }

    /// Whether it had `--probes` and `--resize` once, which mean nothing now.
    var hasProbes: Bool { isHash && self != .hashNetPort }
    public var isHash: Bool { rawValue.hasPrefix("hash:") }
    /// Whether elements may be marked `nomatch`.
    public var hasNetworks: Bool { self == .hashNet || self == .hashNetPort }
}

/// A protocol and a port, or ICMP type and code in one number; protocols without ports have 0.
public struct ProtocolPort: Hashable, Sendable {
    public var ipProtocol: IPProtocol
    /// The ICMP type is in the upper eight bits, the code in the lower.
    public var port: UInt16

    public init(_ ipProtocol: IPProtocol, _ port: UInt16) {
        self.ipProtocol = ipProtocol
        self.port = port
    }
}

/// What is in a set, without what is noted of it.
public enum SetEntry: Hashable, Sendable {
    case address(IPv4Address)
    /// Host bits are 0, the length is 1 to 32.
    case network(IPv4Prefix)
    case addressPort(IPv4Address, ProtocolPort)
    case networkPort(IPv4Prefix, ProtocolPort)
    case addressPortAddress(IPv4Address, ProtocolPort, IPv4Address)
    case port(UInt16)
    /// The name of another set.
    case set(String)
}

extension ProtocolPort: CustomStringConvertible {
    /// `tcp:80`, `icmp:echo-request`, `gre:0`.
    public var description: String {
        let name = Names.protocolName(ipProtocol.rawValue) ?? String(ipProtocol.rawValue)
        guard ipProtocol == .icmp else { return "\(name):\(port)" }
        let known = Self.icmpNames.first { $0.number == port }?.name
        return "\(name):\(known ?? "\(port >> 8)/\(port & 255)")"
    }

    /// Names of one type and one code, which are the only ones ipset has.
    static let icmpNames: [(name: String, number: UInt16)] = {
        let groups: Set<String> = [
            "any", "destination-unreachable", "redirect", "time-exceeded", "ttl-exceeded", "parameter-problem",
        ]
        return ICMPMatch.names.filter { !groups.contains($0.name) }.map { entry in
            let code = entry.kind.codes == 0...255 ? 0 : entry.kind.codes.lowerBound
            return (entry.name, UInt16(entry.kind.type) << 8 | UInt16(code))
        }
    }()
}

extension SetEntry: CustomStringConvertible {
    public var description: String {
        switch self {
        case .address(let address): address.description
        case .network(let prefix): Self.text(prefix)
        case .addressPort(let address, let port): "\(address),\(port)"
        case .networkPort(let prefix, let port): "\(Self.text(prefix)),\(port)"
        case .addressPortAddress(let address, let port, let other): "\(address),\(port),\(other)"
        case .port(let port): String(port)
        case .set(let name): name
        }
    }

    private static func text(_ prefix: IPv4Prefix) -> String {
        prefix.length == 32 ? prefix.address.description : prefix.description
    }
}
