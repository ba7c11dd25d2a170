import Net

@testable import Dataplane

/// A packet in memory of its own, as if a port had brought it; the header is taken as it is.
func withPacket<Result>(_ bytes: [UInt8], _ body: (inout Packet) -> Result) -> Result {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: 0x10000 + 64, alignment: 64)
    defer { unsafe memory.deallocate() }
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: 64)
    for (index, byte) in bytes.enumerated() {
        unsafe memory.storeBytes(of: byte, toByteOffset: Offset.ethernetHeader + index, as: UInt8.self)
    }
    var packet = unsafe Packet(
        base: memory, address: 0, linkLength: Offset.ethernetHeader, headerLength: Int(bytes[0] & 15) * 4,
        totalLength: bytes.count, ingress: PortIndex(rawValue: 0))
    packet.readTransport()
    return body(&packet)
}
