/// The options of an IP, TCP or DCCP header from first to last (RFC 791, 3.1; RFC 9293, 3.1; RFC 4340, 5.8): each a byte of kind, and but
/// for the two lowest kinds a byte of length, which counts both.
///
/// There are two ways to read on, since the kernel has two, which differ over what is malformed. Both stay within the limit.
@safe struct OptionWalk {
    struct Option {
        var kind: UInt8
        /// Of its first byte, counted from the start of the header.
        var offset: Int
        /// Bytes, with kind and length.
        var length: Int
    }

    private let header: UnsafeRawPointer
    private let limit: Int
    /// Where the walk stands: at the next option, or at the one that ended it.
    private(set) var offset: Int
    /// Whether `next` ended at an option that is cut off or has an impossible length.
    private(set) var isMalformed = false

    /// - Parameters:
    ///   - start: where the options begin, counted from the start of the header.
    ///   - limit: where they end; up to there, memory must be readable.
    @inline(__always)
    init(header: UnsafeRawPointer, from start: Int, to limit: Int) {
        unsafe self.header = header
        offset = start
        self.limit = limit
    }

    @inline(__always)
    var isEmpty: Bool { offset >= limit }

    /// The next option as hosts read them, and connection tracking (tcp_options in net/netfilter/nf_conntrack_proto_tcp.c): padding is passed
    /// over, the walk ends at the end option and at the first one that is malformed. Not to be asked again after nil.
    @inline(__always)
    mutating func next() -> Option? {
        while offset < limit {
            let kind = byte(offset)
            if kind == TCPOption.end { return nil }
            if kind == TCPOption.noOperation {
                offset &+= 1
                continue
            }
            guard offset &+ 1 < limit else { break }
            let length = Int(byte(offset &+ 1))
            guard length >= 2, offset &+ length <= limit else { break }
            let option = Option(kind: kind, offset: offset, length: length)
            offset &+= length
            return option
        }
        isMalformed = offset < limit
        return nil
    }

    /// The next option as iptables' extensions read them (optlen in net/netfilter/xt_TCPMSS.c, tcp_find_option in xt_tcpudp.c): end and
    /// padding are options of one byte like others, nothing is behind the end only because of it, and one that has no length, or of 0, is taken for one byte. A
    /// length may lead beyond the limit; there the walk ends.
    @inline(__always)
    mutating func nextAsFound() -> Option? {
        guard offset < limit else { return nil }
        let kind = byte(offset)
        var length = 1
        if kind > TCPOption.noOperation, offset &+ 1 < limit { length = max(Int(byte(offset &+ 1)), 1) }
        let option = Option(kind: kind, offset: offset, length: length)
        offset &+= length
        return option
    }

    /// A byte of the header, within an option that the walk has given.
    @inline(__always)
    func byte(_ offset: Int) -> UInt8 { unsafe header.load(fromByteOffset: offset, as: UInt8.self) }

    /// The same of four bytes.
    @inline(__always)
    func word(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafe header.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
}

extension Packet {
    /// Those of the IP header.
    @inline(__always)
    var ipOptions: OptionWalk { unsafe OptionWalk(header: UnsafeRawPointer(ip), from: Offset.ipHeader, to: headerLength) }

    /// Those of the TCP header, which must be whole, its options up to `limit` included.
    @inline(__always)
    func tcpOptions(to limit: Int) -> OptionWalk {
        unsafe OptionWalk(header: UnsafeRawPointer(transport), from: Offset.tcpHeader, to: limit)
    }

    /// The segment size that an option states, if it is of that kind and length and lies within the first `limit` bytes of the header.
    @inline(__always)
    func segmentSize(in option: OptionWalk.Option, endingBy limit: Int) -> UInt16? {
        guard option.kind == TCPOption.segmentSize, option.length == TCPOption.segmentSizeLength,
            option.offset &+ option.length <= limit
        else { return nil }
        return transport16(option.offset &+ 2)
    }
}

/// Option kinds of TCP (IANA, TCP Option Kind Numbers); the first two are IP's and DCCP's as well.
enum TCPOption {
    static let end: UInt8 = 0
    static let noOperation: UInt8 = 1
    static let segmentSize: UInt8 = 2
    static let windowScale: UInt8 = 3
    static let permitsSACK: UInt8 = 4
    static let sack: UInt8 = 5
    static let timestamp: UInt8 = 8

    /// Bytes of options that have one length only, with kind and length.
    static let segmentSizeLength = 4
    static let windowScaleLength = 3
    static let permitsSACKLength = 2
    static let timestampLength = 10
    /// The highest shift that is meant (RFC 7323, 2.3).
    static let highestWindowScale: UInt8 = 14
}

extension OptionWalk.Option {
    /// Whether this is a SACK option of whole blocks (RFC 2018, 3), at least one.
    @inline(__always)
    var hasBlocks: Bool { kind == TCPOption.sack && length >= 10 && (length &- 2) % 8 == 0 }
}
