import Net

/// What a set's elements are made of (the set types of ipset).
public enum SetKind: UInt8, Sendable {
    case address, network, addressPort, networkPort, addressPortAddress
    case addressMap, portMap
    case list

    /// How many `src` and `dst` a rule must give at least (`dimension` in struct ip_set_type).
    @inline(__always)
    var dimensions: UInt8 {
        switch self {
        case .address, .network, .addressMap, .portMap, .list: 1
        case .addressPort, .networkPort: 2
        case .addressPortAddress: 3
        }
    }
    /// Elements are prefixes, found by trying each length there is.
    @inline(__always)
    var hasNetworks: Bool { self == .network || self == .networkPort }
    @inline(__always)
    var isMap: Bool { self == .addressMap || self == .portMap }
}

/// How a set is made, as the packet path sees it.
public struct SetShape: Sendable, Equatable {
    public var kind: SetKind
    /// Elements it holds at most; of a map, exactly the numbers there are.
    public var capacity: Int
    /// Length of the prefix that addresses are cut to, 1 to 32.
    public var netmask: UInt8 = 32
    /// The range of a map, both ends in it: addresses cut to `netmask`, or ports.
    public var first: UInt32 = 0
    public var last: UInt32 = 0
    /// Seconds that an element lives unless it says otherwise, 0 for ever; nil if elements have no timeouts.
    public var timeout: UInt32?
    public var hasCounters = false
    public var hasMarks = false
    public var hasComments = false
    /// A full hash takes a new element in place of one of the same bucket.
    public var forcesAdd = false

    public init(kind: SetKind, capacity: Int) {
        self.kind = kind
        self.capacity = capacity
    }

    /// Elements of a map: addresses or networks of `netmask`, or ports.
    var mapSize: Int { Int((last &- first) >> mapShift) + 1 }
    @inline(__always)
    var mapShift: UInt32 { kind == .addressMap ? 32 &- UInt32(netmask) : 0 }
    @inline(__always)
    var mask: UInt32 { netmask >= 32 ? .max : ~(UInt32.max >> UInt32(netmask)) }
}

/// An element in the three words that a set compares.
///
///     hash:ip             address
///     hash:net            network               length
///     hash:ip,port        address               protocol << 16 | port
///     hash:net,port       network               protocol << 16 | port       length
///     hash:ip,port,ip     address               protocol << 16 | port       address
///     bitmap:ip, :port    number within the map
///     list:set            slot of the set in the directory
public struct SetKey: Hashable, Sendable {
    public var a: UInt32
    public var b: UInt32
    public var c: UInt32

    @inline(__always)
    public init(_ a: UInt32, _ b: UInt32 = 0, _ c: UInt32 = 0) {
        self.a = a
        self.b = b
        self.c = c
    }

    /// A keyed hash: two folded multiplications.
    @inline(__always)
    func hash(_ key: UInt64) -> UInt64 {
        let first = foldedProduct((UInt64(a) << 32 | UInt64(b)) ^ key)
        return foldedProduct(first ^ UInt64(c) &* HashFactor.second, key | 1)
    }
}

/// An element with what is noted of it, as the slow side gives and takes it.
public struct SetRecord: Sendable, Equatable {
    public var key: SetKey
    public var isNomatch = false
    /// CLOCK_MONOTONIC in nanoseconds; 0 for ever. Without meaning in a set that has no timeouts.
    public var expires: UInt64 = 0
    /// nil leaves what an element that is there already has counted.
    public var packets: UInt64?
    public var bytes: UInt64?
    public var mark = SetMark()
    /// Number of a comment that the slow side keeps; 0 for none.
    public var comment: UInt32 = 0
    /// An element that is there already keeps its comment.
    var keepsComment = false

    public init(key: SetKey) { self.key = key }
}

/// What `SET --map-set` takes over from an element (struct ip_set_skbinfo).
public struct SetMark: Sendable, Equatable {
    public var mark: UInt32 = 0
    public var mask: UInt32 = 0
    public var priority: UInt32 = 0
    public var queue: UInt16 = 0

    @inline(__always)
    public init(mark: UInt32 = 0, mask: UInt32 = 0, priority: UInt32 = 0, queue: UInt16 = 0) {
        self.mark = mark
        self.mask = mask
        self.priority = priority
        self.queue = queue
    }
}
