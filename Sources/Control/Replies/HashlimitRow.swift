import Net

/// A table of `-m hashlimit`.
public struct HashlimitTableRow: Hashable, Sendable, Codable {
    public var name: String
    /// Entries, with those that have expired and wait to be taken out.
    public var count: Int
    /// Entries that it may hold; packets that need one more are dropped.
    public var max: Int
    public var buckets: Int

    public init(name: String, count: Int, max: Int, buckets: Int) {
        self.name = name
        self.count = count
        self.max = max
        self.buckets = buckets
    }
}

/// An entry of such a table, with everything /proc/net/ipt_hashlimit says of one. Addresses and ports that the table's mode leaves out
/// are zero.
public struct HashlimitEntryRow: Hashable, Sendable, Codable {
    /// Seconds until it expires if no packet comes; negative if it waits to be taken out.
    public var expires: Int64
    public var source: IPv4Address
    public var sourcePort: UInt16
    public var destination: IPv4Address
    public var destinationPort: UInt16
    /// In the kernel's units: of a second, 2^39 times 250 for packets and 2^24 times 250 for bytes.
    public var credit: UInt64
    /// The most credit there can be; for bytes, how often it is still filled up at once.
    public var creditCap: UInt64
    /// What a packet, or 16 bytes, cost.
    public var cost: UInt64

    public init(
        expires: Int64, source: IPv4Address, sourcePort: UInt16, destination: IPv4Address, destinationPort: UInt16,
        credit: UInt64, creditCap: UInt64, cost: UInt64
    ) {
        self.expires = expires
        self.source = source
        self.sourcePort = sourcePort
        self.destination = destination
        self.destinationPort = destinationPort
        self.credit = credit
        self.creditCap = creditCap
        self.cost = cost
    }

    /// As /proc/net/ipt_hashlimit prints it (dl_seq_print in net/netfilter/xt_hashlimit.c).
    public var procText: String {
        "\(expires) \(source):\(sourcePort)->\(destination):\(destinationPort) \(credit) \(creditCap) \(cost)"
    }
}
