import Dataplane

extension Report {
    /// What the loopback interface writes in front of a packet: no addresses, and the type of IPv4.
    static let loopbackHeader = [UInt8](repeating: 0, count: 12) + [0x08, 0x00]
}
