import Net

/// One of a flow's two directions.
public enum Direction: UInt8, Sendable, CaseIterable {
    /// That of the flow's first packet.
    case original = 0
    case reply = 1

    @inline(__always)
    public var opposite: Direction { self == .original ? .reply : .original }
}

/// What tells a flow's packets of one direction apart from all others, in 16 bytes.
///
/// For ICMP the source port is the identifier and the destination port type << 8 | code, as netfilter has it
/// (net/netfilter/nf_conntrack_proto_icmp.c). For protocols without ports both are zero.
public struct FlowTuple: Sendable {
    /// Source above destination.
    @usableFromInline var addresses: UInt64
    /// Source port, destination port, zone, protocol, zero.
    @usableFromInline var rest: UInt64

    @inline(__always)
    public init(
        source: IPv4Address, destination: IPv4Address, ipProtocol: IPProtocol, sourcePort: UInt16,
        destinationPort: UInt16, zone: UInt16 = 0
    ) {
        addresses = UInt64(source.rawValue) << 32 | UInt64(destination.rawValue)
        rest =
            UInt64(sourcePort) << 48 | UInt64(destinationPort) << 32 | UInt64(zone) << 16
            | UInt64(ipProtocol.rawValue) << 8
    }

    @inline(__always)
    public var source: IPv4Address {
        get { IPv4Address(rawValue: UInt32(truncatingIfNeeded: addresses >> 32)) }
        set { addresses = UInt64(newValue.rawValue) << 32 | addresses & 0xFFFF_FFFF }
    }
    @inline(__always)
    public var destination: IPv4Address {
        get { IPv4Address(rawValue: UInt32(truncatingIfNeeded: addresses)) }
        set { addresses = addresses & ~0xFFFF_FFFF | UInt64(newValue.rawValue) }
    }
    @inline(__always)
    public var sourcePort: UInt16 {
        get { UInt16(truncatingIfNeeded: rest >> 48) }
        set { rest = rest & ~(0xFFFF << 48) | UInt64(newValue) << 48 }
    }
    @inline(__always)
    public var destinationPort: UInt16 {
        get { UInt16(truncatingIfNeeded: rest >> 32) }
        set { rest = rest & ~(0xFFFF << 32) | UInt64(newValue) << 32 }
    }
    @inline(__always)
    public var zone: UInt16 {
        get { UInt16(truncatingIfNeeded: rest >> 16) }
        set { rest = rest & ~(0xFFFF << 16) | UInt64(newValue) << 16 }
    }
    @inline(__always)
    public var ipProtocol: IPProtocol { IPProtocol(rawValue: UInt8(truncatingIfNeeded: rest >> 8)) }

    /// The tuple of the answer, or nil if nothing answers this (an ICMP message that is no query).
    @inline(__always)
    public var inverted: FlowTuple? {
        if ipProtocol == .icmp {
            guard let answer = ICMPType.answer(to: UInt8(truncatingIfNeeded: destinationPort >> 8)) else { return nil }
            return FlowTuple(
                source: destination, destination: source, ipProtocol: ipProtocol, sourcePort: sourcePort,
                destinationPort: UInt16(answer) << 8 | destinationPort & 0xFF, zone: zone)
        }
        return FlowTuple(
            source: destination, destination: source, ipProtocol: ipProtocol, sourcePort: destinationPort,
            destinationPort: sourcePort, zone: zone)
    }

    /// A keyed hash: two folded multiplications.
    @inline(__always)
    func hash(key: UInt64) -> UInt64 {
        foldedProduct(rest ^ foldedProduct(addresses ^ key), HashFactor.second ^ key)
    }
}

extension FlowTuple: Equatable {
    @inline(__always)
    public static func == (a: Self, b: Self) -> Bool { a.addresses == b.addresses && a.rest == b.rest }
}
