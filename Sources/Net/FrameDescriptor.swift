/// A frame in the memory that workers and rings share: where its first byte lies, how long it is, and the port it came
/// in on or is to leave by.
///
/// Whoever holds a descriptor owns the chunk of memory that `address` falls into, and hands it on or gives it back.
public struct FrameDescriptor: Sendable {
    /// Offset of the first byte from the start of the memory, in bytes.
    public var address: UInt64
    /// Length in bytes, from the Ethernet header, without the frame check sequence.
    public var length: UInt32
    /// Ingress port where a frame is received, egress port where it is sent.
    public var port: PortIndex

    @inline(__always)
    public init(address: UInt64, length: UInt32, port: PortIndex) {
        self.address = address
        self.length = length
        self.port = port
    }
}
