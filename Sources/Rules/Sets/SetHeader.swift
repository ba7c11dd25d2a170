import Net

/// How a set was made.
public struct SetOptions: Hashable, Sendable {
    /// Buckets a hash starts with, a power of two.
    public var hashSize: UInt32 = 1024
    /// Elements a hash holds at most.
    public var maxElements: UInt32 = 65536
    public var bucketSize: UInt8 = 12
    /// The hash's key; nil lets it be chosen at random.
    public var initialValue: UInt32?
    /// Addresses of one prefix of this length, 1 to 32, are one element; nil is 32.
    public var netmask: UInt8?
    /// Seconds an element lives unless it says otherwise, 0 for ever; nil if elements have no timeouts.
    public var timeout: UInt32?
    public var hasCounters = false
    public var hasComments = false
    /// Elements carry a mark, a priority and a queue for `--map-set`.
    public var hasMarks = false
    /// A full hash takes new elements in place of old ones.
    public var forcesAdd = false
    /// Addresses of a bitmap:ip.
    public var addresses: ClosedRange<IPv4Address> = IPv4Address.any...IPv4Address.any
    /// Ports of a bitmap:port.
    public var ports: ClosedRange<UInt16> = 0...0
    /// Sets a list:set holds at most, at least 4.
    public var listSize: UInt32 = 8

    public init() {}
}

/// What a set is, apart from its elements.
public struct SetHeader: Hashable, Sendable {
    public let type: SetType
    public var options: SetOptions

    public init(type: SetType, options: SetOptions = SetOptions()) {
        self.type = type
        self.options = options
    }

    /// The options as `create` takes them.
    public var text: String {
        var words: [String] = []
        switch type {
        case .bitmapIP: words = ["range", "\(options.addresses.lowerBound)-\(options.addresses.upperBound)"]
        case .bitmapPort: words = ["range", "\(options.ports.lowerBound)-\(options.ports.upperBound)"]
        case .listSet: words = ["size", String(options.listSize)]
        default:
            words = ["family", "inet", "hashsize", String(options.hashSize), "maxelem", String(options.maxElements)]
        }
        if let netmask = options.netmask { words += ["netmask", String(netmask)] }
        if let timeout = options.timeout { words += ["timeout", String(timeout)] }
        if options.hasCounters { words.append("counters") }
        if options.hasComments { words.append("comment") }
        if options.hasMarks { words.append("skbinfo") }
        if options.forcesAdd { words.append("forceadd") }
        if type.isHash {
            words += ["bucketsize", String(options.bucketSize)]
            if let value = options.initialValue { words += ["initval", Number.hexadecimal(value, digits: 8)] }
        }
        return words.joined(separator: " ")
    }
}
