import CXDP
import Glibc
import Net

/// What stands in front of a frame that the host sent, on its way from mart1 to a worker (`martlet_host_header`).
@safe public struct HostHeader: Sendable, Hashable {
    /// The port the frame was to leave by.
    public var port: PortIndex
    /// skb->mark when it reached the NIC.
    public var mark: UInt32
    /// File system uid and gid of the sender, for the owner match; nil for what has no socket with a file, such as the
    /// kernel's own ICMP errors.
    public var owner: Owner?

    public struct Owner: Sendable, Hashable {
        public var uid: UInt32
        public var gid: UInt32

        public init(uid: UInt32, gid: UInt32) {
            self.uid = uid
            self.gid = gid
        }
    }

    /// Bytes in front of the frame proper: what to add to its address and take off its length.
    public static var size: Int { MemoryLayout<martlet_host_header>.size }
    /// What mart1's MTU must have above the largest of the ports', in bytes: this header and a VLAN tag made visible.
    public static var room: Int { size + 4 }

    /// Reads the header of a frame that mart1 received.
    ///
    /// - Returns: nil for anything but a frame of the host: such a frame is to be dropped.
    @inline(__always)
    public init?(reading frame: UnsafeRawPointer, length: Int) {
        guard length >= Self.size + 14 else { return nil }
        let header = unsafe frame.loadUnaligned(as: martlet_host_header.self)
        guard header.ethertype == UInt16(MARTLET_ETHERTYPE).bigEndian else { return nil }
        port = PortIndex(rawValue: header.port)
        mark = header.mark
        owner = header.flags & UInt8(MARTLET_HOST_OWNED) != 0 ? Owner(uid: header.uid, gid: header.gid) : nil
    }
}

/// What stands behind a frame that a worker gives to the host, on its way to mart1 (`martlet_host_trailer`).
@safe public struct HostTrailer: Sendable, Hashable {
    /// The port the frame came in on, by which the host will see it arrive.
    public var port: PortIndex
    /// skb->mark that the host will see.
    public var mark: UInt32

    public init(port: PortIndex, mark: UInt32) {
        self.port = port
        self.mark = mark
    }

    /// Bytes behind the frame proper, by which its length grows.
    public static var size: Int { MemoryLayout<martlet_host_trailer>.size }

    /// Writes the trailer to where the frame ends; `size` bytes of the frame's own chunk must be free there.
    @inline(__always)
    public func write(to end: UnsafeMutableRawPointer) {
        unsafe end.storeBytes(
            of: martlet_host_trailer(
                mark: mark, port: port.rawValue, reserved: 0, ethertype: UInt16(MARTLET_ETHERTYPE).bigEndian),
            as: martlet_host_trailer.self)
    }
}
