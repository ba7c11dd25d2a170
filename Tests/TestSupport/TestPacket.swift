import Net

/// A packet as tests speak of it: every field of the headers, and the payload as bytes. `PacketText` turns it into one
/// line and back, `bytes` into a frame and back.
///
/// Fields that follow from others (lengths, checksums) are computed on encoding, unless an override says otherwise; so a
/// broken packet is written as the good one plus what is wrong with it.
public struct TestPacket: Hashable, Sendable {
    /// An 802.1Q or 802.1ad tag.
    public struct Tag: Hashable, Sendable {
        /// 0 to 4095.
        public var id: UInt16
        /// 0 to 7.
        public var priority: UInt8
        /// 0x8100 or 0x88a8.
        public var etherType: UInt16

        public init(id: UInt16, priority: UInt8 = 0, etherType: UInt16 = 0x8100) {
            self.id = id
            self.priority = priority
            self.etherType = etherType
        }
    }

    /// Ethernet addresses; nil where the text leaves them to the place the packet is sent at.
    public struct Ethernet: Hashable, Sendable {
        public var source: MACAddress
        public var destination: MACAddress

        public init(source: MACAddress, destination: MACAddress) {
            self.source = source
            self.destination = destination
        }
    }

    /// How a checksum field differs from the computed one.
    public enum Checksum: Hashable, Sendable {
        case computed
        /// The computed sum plus one: wrong, and still following from the packet.
        case wrong
        case value(UInt16)
    }

    /// The IPv4 header (RFC 791).
    public struct IP: Hashable, Sendable {
        public var source: IPv4Address
        public var destination: IPv4Address
        public var proto: IPProtocol
        public var ttl: UInt8 = 64
        public var tos: UInt8 = 0
        public var id: UInt16 = 0
        /// The reserved bit, "don't fragment" and "more fragments", as in the header's top three bits.
        public var reserved = false
        public var dontFragment = false
        public var moreFragments = false
        /// Bytes, a multiple of 8.
        public var offset = 0
        /// As on the wire, a multiple of 4 bytes.
        public var options: [UInt8] = []
        /// The total length where it is not the length of what is there (a quoted packet that was cut).
        public var totalLength: UInt16?
        public var checksum = Checksum.computed

        public init(source: IPv4Address, destination: IPv4Address, proto: IPProtocol) {
            self.source = source
            self.destination = destination
            self.proto = proto
        }
    }

    /// The TCP header (RFC 9293).
    public struct TCP: Hashable, Sendable {
        public var sourcePort: UInt16
        public var destinationPort: UInt16
        public var sequence: UInt32 = 0
        public var acknowledgment: UInt32 = 0
        /// FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128.
        public var flags: UInt8 = 0
        public var window: UInt16 = 65535
        public var urgent: UInt16 = 0
        /// As on the wire, a multiple of 4 bytes.
        public var options: [UInt8] = []
        public var checksum = Checksum.computed

        public init(sourcePort: UInt16, destinationPort: UInt16) {
            self.sourcePort = sourcePort
            self.destinationPort = destinationPort
        }
    }

    /// The UDP header (RFC 768).
    public struct UDP: Hashable, Sendable {
        public var sourcePort: UInt16
        public var destinationPort: UInt16
        /// The length field where it is not the length of what is there.
        public var length: UInt16?
        /// `.value(0)` stands for "no checksum".
        public var checksum = Checksum.computed

        public init(sourcePort: UInt16, destinationPort: UInt16) {
            self.sourcePort = sourcePort
            self.destinationPort = destinationPort
        }
    }

    /// An ICMP message (RFC 792). The packet an error quotes is its payload.
    public struct ICMP: Hashable, Sendable {
        public var type: UInt8
        public var code: UInt8
        /// Bytes 4 to 7: identifier and sequence number, next-hop MTU, gateway or pointer.
        public var rest: UInt32 = 0
        public var checksum = Checksum.computed

        public init(type: UInt8, code: UInt8, rest: UInt32 = 0) {
            self.type = type
            self.code = code
            self.rest = rest
        }

        /// Destination unreachable, source quench, redirect, time exceeded and parameter problem quote a packet.
        public var isError: Bool { [3, 4, 5, 11, 12].contains(type) }
    }

    /// What stands behind the IPv4 header. `bare` leaves all of it to the payload: fragments, other protocols, and
    /// headers too broken to have fields.
    public enum Transport: Hashable, Sendable {
        case tcp(TCP)
        case udp(UDP)
        case icmp(ICMP)
        case bare
    }

    public var ethernet: Ethernet?
    public var tags: [Tag] = []
    /// nil for a frame that is not IPv4; then `etherType` and `payload` are all there is.
    public var ip: IP?
    public var etherType: UInt16 = 0x0800
    public var transport = Transport.bare
    public var payload: [UInt8] = []

    public init(ip: IP?, transport: Transport = .bare, payload: [UInt8] = []) {
        self.ip = ip
        self.transport = transport
        self.payload = payload
    }

    /// The payload that `len N` stands for: the bytes 0, 1, 2 … 255, 0 …
    public static func pattern(_ count: Int) -> [UInt8] { (0..<max(count, 0)).map { UInt8($0 & 255) } }
}

extension TestPacket {
    /// Source and destination port of TCP and UDP; identifier twice for an echo; nil otherwise.
    public var ports: (source: UInt16, destination: UInt16)? {
        switch transport {
        case .tcp(let tcp): (tcp.sourcePort, tcp.destinationPort)
        case .udp(let udp): (udp.sourcePort, udp.destinationPort)
        case .icmp(let icmp) where [0, 8, 13, 14, 15, 16, 17, 18].contains(icmp.type):
            (UInt16(icmp.rest >> 16), UInt16(icmp.rest >> 16))
        default: nil
        }
    }
}
