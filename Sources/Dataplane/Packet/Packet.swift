import Net

/// An IPv4 packet in an Ethernet frame on its way through the router: where its bytes lie, and what has been found out and
/// decided about it so far.
///
/// `Packet.examine` proves once that the frame holds the whole IP header and the whole IP packet; after that the accessors
/// of the IP header cannot fail. Accessors of a transport header may be used only after `transportLength` said that it
/// is there. Nothing here owns the chunk; the pipeline does.
@safe struct Packet {
    // Where it lies.
    @usableFromInline let base: UnsafeMutableRawPointer
    /// Address of the first byte in the frame memory, or `Packet.assembled` for a datagram in the worker's own buffer.
    let address: UInt64
    /// Bytes in front of the IP header: 14, and 4 for each VLAN tag.
    let linkLength: Int
    /// IP header with options, in bytes: 20 to 60.
    var headerLength: Int
    /// The IP packet, in bytes. At least `headerLength`.
    var totalLength: Int

    // Where it comes from.
    /// The port it came in on, or `.host` for what the host sends and what Martlet makes itself.
    let ingress: PortIndex

    // What was read from it; kept up to date when the bytes are rewritten.
    var source: IPv4Address
    var destination: IPv4Address
    var ipProtocol: IPProtocol
    /// First two words of a TCP or UDP header; for ICMP the identifier (or 0) and type << 8 | code.
    var sourcePort: UInt16 = 0
    var destinationPort: UInt16 = 0
    var tcpFlags: TCPFlags = []
    /// Whether `sourcePort`, `destinationPort` and `tcpFlags` were there to read.
    var hasTransport = false

    // What the way through the router adds.
    var mark: UInt32 = 0
    /// Of the route taken: `RouteResult.realm`.
    var realm: UInt32 = 0
    /// Of what the host sends.
    var sender = Sender()
    var tracking = TrackingResult()
    /// What a rule has said of how it is to be tracked.
    var template = TrackingTemplate()
    /// CLASSIFY's class, major number above minor; nothing here reads it, since ports have no queueing disciplines.
    var priority: UInt32 = 0
    var egress: PortIndex = .none
    var nextHop: IPv4Address = .any
    var neighbor = NeighborTable.unknown
    /// The next hop is a gateway, not the destination itself.
    var isViaGateway = false
    /// MTU of the route taken, in bytes of an IP packet.
    var mtu = 1500
    /// The Ethernet header is already right for `egress` (the host wrote it).
    var keepsLinkHeader = false
    /// An IP broadcast or multicast, or one on the link layer: no ICMP error may answer it.
    var isLinkBroadcast = false
    /// The largest fragment this datagram was put together from, in bytes of IP packet; 0 if it came in one piece.
    var largestFragment = 0
    /// It was put together for the host, not for rules: with Don't Fragment, which a copy has, it may not be cut again (skb->ignore_df).
    var isGatheredForHost = false
    /// The host itself is the destination after all.
    var isForHost = false
    /// A rule's copy of another packet.
    var isCopy = false
    /// For a copy: of what came in by a port, not of what the host sends.
    var copiesIncoming = false
    /// For a copy: its transport checksum was looked at before, and is not again, whatever was found (CHECKSUM_COMPLETE).
    var isTakenForIntact = false
    /// Don't Fragment was set here, for a copy; pieces that it leaves in do without (IPSKB_FRAG_PMTU is not set).
    var hidesDontFragment = false
    /// Made here, in answer to another packet.
    var isAnswer = false
    /// The worker's `options` are what was found in this packet's header.
    var hasReadOptions = false
    /// SYNPROXY's SYN to a server: its flow is one that SYNPROXY looks after.
    var opensForClient = false
    /// What `-o` is compared with in OUTPUT: the way out from before its rules, whatever they change (nf_hook_state); `.host`
    /// for the loopback interface.
    var announcedEgress: PortIndex = .none

    static let assembled = UInt64.max

    @inline(__always)
    init(base: UnsafeMutableRawPointer, address: UInt64, layout: Layout, ingress: PortIndex) {
        unsafe self.init(
            base: base, address: address, linkLength: layout.linkLength, headerLength: layout.headerLength,
            totalLength: layout.totalLength, ingress: ingress)
    }

    @inline(__always)
    init(
        base: UnsafeMutableRawPointer, address: UInt64, linkLength: Int, headerLength: Int, totalLength: Int,
        ingress: PortIndex
    ) {
        unsafe self.base = base
        self.address = address
        self.linkLength = linkLength
        self.headerLength = headerLength
        self.totalLength = totalLength
        self.ingress = ingress
        let ip = unsafe base + linkLength
        source = IPv4Address(
            rawValue: UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: Offset.ipSource, as: UInt32.self)))
        destination = IPv4Address(
            rawValue: UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: Offset.ipDestination, as: UInt32.self)))
        ipProtocol = IPProtocol(rawValue: unsafe ip.load(fromByteOffset: Offset.ipProtocol, as: UInt8.self))
    }
}

// MARK: - Bytes

extension Packet {
    /// Start of the IP header.
    @inline(__always)
    var ip: UnsafeMutableRawPointer { unsafe base + linkLength }
    /// Start of what the IP header carries.
    @inline(__always)
    var transport: UnsafeMutableRawPointer { unsafe base + (linkLength &+ headerLength) }
    /// Bytes that the IP header carries.
    @inline(__always)
    var transportLength: Int { totalLength &- headerLength }
    /// The frame, from its Ethernet header to the end of the IP packet.
    @inline(__always)
    var frameLength: Int { linkLength &+ totalLength }

    @inline(__always)
    func ip8(_ offset: Int) -> UInt8 { unsafe ip.load(fromByteOffset: offset, as: UInt8.self) }
    @inline(__always)
    func ip16(_ offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    @inline(__always)
    func ip32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    @inline(__always)
    func setIP8(_ offset: Int, _ value: UInt8) { unsafe ip.storeBytes(of: value, toByteOffset: offset, as: UInt8.self) }
    @inline(__always)
    func setIP16(_ offset: Int, _ value: UInt16) {
        unsafe ip.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
    @inline(__always)
    func setIP32(_ offset: Int, _ value: UInt32) {
        unsafe ip.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inline(__always)
    func transport8(_ offset: Int) -> UInt8 { unsafe transport.load(fromByteOffset: offset, as: UInt8.self) }
    @inline(__always)
    func transport16(_ offset: Int) -> UInt16 {
        UInt16(bigEndian: unsafe transport.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }
    @inline(__always)
    func transport32(_ offset: Int) -> UInt32 {
        UInt32(bigEndian: unsafe transport.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }
    @inline(__always)
    func setTransport8(_ offset: Int, _ value: UInt8) {
        unsafe transport.storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
    }
    @inline(__always)
    func setTransport16(_ offset: Int, _ value: UInt16) {
        unsafe transport.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
    }
    @inline(__always)
    func setTransport32(_ offset: Int, _ value: UInt32) {
        unsafe transport.storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
    }

    @inline(__always)
    var tos: UInt8 { ip8(Offset.ipTOS) }
    @inline(__always)
    var ttl: UInt8 { ip8(Offset.ipTTL) }
    @inline(__always)
    var identification: UInt16 { ip16(Offset.ipIdentification) }
    /// Flags and fragment offset as they stand.
    @inline(__always)
    var fragmentField: UInt16 { ip16(Offset.ipFragment) }
    @inline(__always)
    var dontFragment: Bool { fragmentField & 0x4000 != 0 }
    /// More Fragments or an offset.
    @inline(__always)
    var isFragment: Bool { fragmentField & 0x3FFF != 0 }
    /// In bytes.
    @inline(__always)
    var fragmentOffset: Int { Int(fragmentField & 0x1FFF) &* 8 }
}

// MARK: - Parsing

extension Packet {
    /// Ethertypes (IEEE 802 Numbers).
    static let etherTypeIPv4: UInt16 = 0x0800
    static let etherTypeVLAN: UInt16 = 0x8100
    static let etherTypeServiceVLAN: UInt16 = 0x88A8

    /// Where the headers of a frame lie, in bytes.
    struct Layout {
        var linkLength = 0
        var headerLength = 0
        var totalLength = 0
    }

    /// Proves that a frame holds an IPv4 packet as `ip_rcv_core` (net/ipv4/ip_input.c) wants it: version 4, a header of at
    /// least five words, a right header checksum, a total length that the frame covers and that covers the header.
    ///
    /// - Returns: the reason why it does not, or nil; then `layout` is filled in.
    @inline(__always)
    static func examine(_ base: UnsafeMutableRawPointer, length: Int, _ layout: inout Layout) -> DropReason? {
        var linkLength = Offset.ethernetHeader
        guard length >= linkLength &+ Offset.ipHeader else { return .frameTooShort }
        var etherType = UInt16(
            bigEndian: unsafe base.loadUnaligned(fromByteOffset: Offset.etherType, as: UInt16.self))
        // One tag inside another is the most there is (IEEE 802.1ad). More would eat up the room that packets made here and
        // datagrams put together have in front.
        while etherType == etherTypeVLAN || etherType == etherTypeServiceVLAN {
            guard linkLength <= Offset.ethernetHeader &+ 4 else { return .notIPv4 }
            guard length >= linkLength &+ 4 &+ Offset.ipHeader else { return .frameTooShort }
            etherType = UInt16(bigEndian: unsafe base.loadUnaligned(fromByteOffset: linkLength &+ 2, as: UInt16.self))
            linkLength &+= 4
        }
        guard etherType == etherTypeIPv4 else { return .notIPv4 }
        let ip = unsafe base + linkLength
        let first = unsafe ip.load(as: UInt8.self)
        let headerLength = Int(first & 0x0F) &* 4
        guard first >> 4 == 4, headerLength >= Offset.ipHeader else { return .ipHeader }
        guard length >= linkLength &+ headerLength else { return .ipTruncated }
        var sum = Checksum()
        unsafe sum.add(UnsafeRawPointer(ip), count: headerLength)
        guard sum.folded == 0xFFFF else { return .ipChecksum }
        let totalLength = Int(
            UInt16(bigEndian: unsafe ip.loadUnaligned(fromByteOffset: Offset.ipTotalLength, as: UInt16.self)))
        guard length >= linkLength &+ totalLength else { return .ipTruncated }
        guard totalLength >= headerLength else { return .ipHeader }
        layout.linkLength = linkLength
        layout.headerLength = headerLength
        layout.totalLength = totalLength
        return nil
    }

    /// Reads what the pipeline wants of TCP, UDP and ICMP headers, if they are there; not in later fragments.
    @inline(__always)
    mutating func readTransport() {
        hasTransport = false
        guard fragmentField & 0x1FFF == 0 else { return }
        switch ipProtocol {
        case .tcp:
            guard transportLength >= Offset.tcpHeader else { return }
            tcpFlags = TCPFlags(rawValue: transport8(Offset.tcpFlags))
            fallthrough
        case .udp, .udpLite, .sctp, .dccp:
            guard transportLength >= Offset.udpHeader else { return }
            sourcePort = transport16(Offset.sourcePort)
            destinationPort = transport16(Offset.destinationPort)
            hasTransport = true
        case .icmp:
            guard transportLength >= Offset.icmpHeader else { return }
            destinationPort = transport16(Offset.icmpType)
            sourcePort = transport16(Offset.icmpIdentifier)
            hasTransport = true
        default: return
        }
    }
}

// MARK: - The link header

extension Packet {
    /// Writes the Ethernet addresses.
    @inline(__always)
    func setLinkAddresses(destination: MACAddress, source: MACAddress) {
        let high = destination.rawValue << 16 | source.rawValue >> 32
        unsafe base.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
        unsafe base.storeBytes(
            of: UInt32(truncatingIfNeeded: source.rawValue).bigEndian, toByteOffset: 8, as: UInt32.self)
    }

    @inline(__always)
    var linkDestination: MACAddress {
        MACAddress(rawValue: UInt64(bigEndian: unsafe base.loadUnaligned(fromByteOffset: 0, as: UInt64.self)) >> 16)
    }
    @inline(__always)
    var linkSource: MACAddress {
        MACAddress(rawValue: UInt64(bigEndian: unsafe base.loadUnaligned(fromByteOffset: 4, as: UInt64.self)))
    }
}
