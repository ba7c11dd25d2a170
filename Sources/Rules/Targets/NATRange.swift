import Net

/// The addresses and ports a NAT target may choose from, and how it chooses (linux/netfilter/nf_nat.h, nf_nat_range2).
public struct NATRange: Hashable, Sendable {
    /// nil leaves the address as it is.
    public var addresses: ClosedRange<IPv4Address>?
    /// nil leaves the choice of port to the NAT, which keeps it if it can.
    public var ports: ClosedRange<UInt16>?
    /// DNAT alone: the port that is mapped to the first of `ports`, the others following in step.
    public var basePort: UInt16?
    /// `--random`: choose ports at random, seeded per destination.
    public var isRandom: Bool
    /// `--random-fully`: choose ports at random without regard to anything.
    public var isFullyRandom: Bool
    /// `--persistent`: the same client gets the same address for every destination.
    public var isPersistent: Bool

    public init(
        addresses: ClosedRange<IPv4Address>? = nil, ports: ClosedRange<UInt16>? = nil, basePort: UInt16? = nil,
        isRandom: Bool = false, isFullyRandom: Bool = false, isPersistent: Bool = false
    ) {
        self.addresses = addresses
        self.ports = ports
        self.basePort = basePort
        self.isRandom = isRandom
        self.isFullyRandom = isFullyRandom
        self.isPersistent = isPersistent
    }

    /// Protocols with ports, which a rule must name if it maps ports.
    static let protocolsWithPorts: [UInt8] = [6, 17, 132, 33, 1]

    /// `[ADDRESS[-ADDRESS]][:PORT[-PORT[/BASE]]]`.
    init(destination given: GivenOption, _ options: GivenOptions, allowsBase: Bool) throws(RuleError) {
        self.init()
        var text = Substring(given.argument.text)
        if let colon = text.firstIndex(of: ":") {
            try readPorts(text[text.index(after: colon)...], given, options, allowsBase: allowsBase)
            text = text[..<colon]
            if text.isEmpty { return }
        }
        let ends = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        var bounds: [IPv4Address] = []
        for end in ends {
            guard let address = IPv4Address(end) else {
                throw RuleError("Bad IP address \"\(end)\"", at: given.argument)
            }
            bounds.append(address)
        }
        // The kernel takes a range that runs backwards as it stands and then maps to addresses outside it.
        guard bounds[0] <= bounds[bounds.count - 1] else {
            throw RuleError("Bad IP range \"\(text)\": it runs backwards", at: given.argument)
        }
        addresses = bounds[0]...bounds[bounds.count - 1]
    }

    /// `PORT[-PORT[/BASE]]`.
    mutating func readPorts(
        _ text: Substring, _ given: GivenOption, _ options: GivenOptions, allowsBase: Bool
    ) throws(RuleError) {
        guard let ipProtocol = given.ipProtocol, Self.protocolsWithPorts.contains(ipProtocol.value.rawValue) else {
            throw RuleError("Need TCP, UDP, SCTP or DCCP with port specification", at: given.argument)
        }
        var range = text
        var base: UInt16?
        if let slash = text.firstIndex(of: "/") {
            let after = text[text.index(after: slash)...]
            guard allowsBase, text[..<slash].contains("-") else {
                throw RuleError("Garbage after port value: `\(text[slash...])'", at: given.argument)
            }
            if let number = Number.parse(after, in: 1...65535) {
                base = UInt16(number)
            } else if Number.parse(after, in: 0...UInt64.max) == nil,
                let port = Names.servicePort(String(after), protocolName: nil)
            {
                base = port
            } else {
                throw RuleError("Port `\(after)' not valid", at: given.argument)
            }
            range = text[..<slash]
        }
        var ends = range.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        // A service name may itself have a hyphen in it.
        if Number.parse(ends[0], in: 0...65535) == nil { ends = [range] }
        var bounds: [UInt16] = []
        for end in ends {
            if let number = Number.parse(end, in: 0...65535) {
                bounds.append(UInt16(number))
            } else if ends.count == 1, let port = Names.servicePort(String(end), protocolName: nil) {
                bounds.append(port)
            } else {
                throw RuleError(
                    end.contains(":") ? "Invalid port:port syntax - use dash" : "Port `\(end)' not valid", at: given.argument)
            }
        }
        guard bounds[0] <= bounds[bounds.count - 1] else {
            throw RuleError("Port range `\(ends.last ?? "")' funky", hint: "it runs backwards", at: given.argument)
        }
        ports = bounds[0]...bounds[bounds.count - 1]
        basePort = base
    }

    /// The range as `--to-source` and `--to-destination` take it.
    var mapping: String {
        var text = ""
        if let addresses {
            text = addresses.lowerBound.description
            if addresses.upperBound != addresses.lowerBound { text += "-\(addresses.upperBound)" }
        }
        if let ports {
            if let basePort {
                // iptables leaves out the end of a range of one port, and then does not read it back.
                text += ":\(ports.lowerBound)-\(ports.upperBound)/\(basePort)"
            } else {
                text += ":" + RulePrinter.range(ports, separator: "-")
            }
        }
        return text
    }
}
