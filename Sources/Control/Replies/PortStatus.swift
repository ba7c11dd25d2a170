import Net

/// A port as `show ports` tells of it.
public struct PortStatus: Hashable, Sendable, Codable {
    public var name: String
    public var index: PortIndex
    public var link: LinkIndex
    /// How frames come in and go out now: "zero-copy", "copy", "af_packet" or "down"; never what was merely asked for.
    public var mode: String
    public var mac: MACAddress
    /// Bytes of an IP packet.
    public var mtu: Int
    /// Set up by the operator.
    public var isUp: Bool
    /// Has carrier.
    public var isRunning: Bool
    public var addresses: [IPv4Prefix]
    public var received: Traffic
    public var transmitted: Traffic
    /// Frames that came to the port and no worker ever saw, for want of room in a ring or of memory.
    public var lost: UInt64
    public var queues: [QueueStatus]

    public init(
        name: String, index: PortIndex, link: LinkIndex, mode: String, mac: MACAddress, mtu: Int, isUp: Bool,
        isRunning: Bool, addresses: [IPv4Prefix], received: Traffic, transmitted: Traffic, lost: UInt64,
        queues: [QueueStatus]
    ) {
        self.name = name
        self.index = index
        self.link = link
        self.mode = mode
        self.mac = mac
        self.mtu = mtu
        self.isUp = isUp
        self.isRunning = isRunning
        self.addresses = addresses
        self.received = received
        self.transmitted = transmitted
        self.lost = lost
        self.queues = queues
    }
}

/// Packets and bytes; bytes from the Ethernet header, without the frame check sequence.
public struct Traffic: Hashable, Sendable, Codable {
    public var packets: UInt64
    public var bytes: UInt64

    public init(packets: UInt64, bytes: UInt64) {
        self.packets = packets
        self.bytes = bytes
    }
}

/// The rings of one queue of a port, and who serves them.
public struct QueueStatus: Hashable, Sendable, Codable {
    public var queue: Int
    public var worker: Int
    public var fill: RingStatus
    public var receive: RingStatus
    public var transmit: RingStatus
    public var completion: RingStatus
    /// What the kernel counts for the socket; nil where there is no XDP socket.
    public var xdp: XDPStatistics?

    public init(
        queue: Int, worker: Int, fill: RingStatus, receive: RingStatus, transmit: RingStatus, completion: RingStatus,
        xdp: XDPStatistics? = nil
    ) {
        self.queue = queue
        self.worker = worker
        self.fill = fill
        self.receive = receive
        self.transmit = transmit
        self.completion = completion
        self.xdp = xdp
    }
}

/// How full a ring is.
public struct RingStatus: Hashable, Sendable, Codable {
    /// Descriptors in the ring.
    public var used: Int
    /// Descriptors it can hold.
    public var size: Int

    public init(used: Int, size: Int) {
        self.used = used
        self.size = size
    }
}

/// XDP_STATISTICS of a socket (struct xdp_statistics of linux/if_xdp.h), in frames.
public struct XDPStatistics: Hashable, Sendable, Codable {
    /// Lost for want of room for the frame.
    public var receiveDropped: UInt64
    /// Refused because a fill descriptor was bad.
    public var receiveInvalid: UInt64
    /// Refused because a transmit descriptor was bad.
    public var transmitInvalid: UInt64
    /// Lost because the receive ring was full.
    public var receiveRingFull: UInt64
    /// Times the fill ring had nothing to take.
    public var fillRingEmpty: UInt64
    /// Times the transmit ring had nothing to send.
    public var transmitRingEmpty: UInt64

    public init(
        receiveDropped: UInt64, receiveInvalid: UInt64, transmitInvalid: UInt64, receiveRingFull: UInt64,
        fillRingEmpty: UInt64, transmitRingEmpty: UInt64
    ) {
        self.receiveDropped = receiveDropped
        self.receiveInvalid = receiveInvalid
        self.transmitInvalid = transmitInvalid
        self.receiveRingFull = receiveRingFull
        self.fillRingEmpty = fillRingEmpty
        self.transmitRingEmpty = transmitRingEmpty
    }
}
