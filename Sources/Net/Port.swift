/// The number of a port, a NIC that Martlet owns: its place in the configuration's list, from 0.
///
/// TCP and UDP ports are plain `UInt16` and always called `sourcePort` and `destinationPort`.
public struct PortIndex: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: UInt8

    @inline(__always)
    public init(rawValue: UInt8) { self.rawValue = rawValue }

    /// The most ports a router has. Rules match ports by a set of 64 bits, of which two are kept free: 62 for the host, 63 for none.
    public static let limit = 62
    /// The host itself, where frames that INPUT accepts go and what OUTPUT sees comes from; as an interface, `lo`.
    public static let host = PortIndex(rawValue: 62)
    /// No port.
    public static let none = PortIndex(rawValue: 255)

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// The kernel's number of an interface (ifindex), from 1; 0 means none.
public struct LinkIndex: RawRepresentable, Hashable, Sendable, Codable, Comparable {
    public var rawValue: Int32

    public init(rawValue: Int32) { self.rawValue = rawValue }

    public static let none = LinkIndex(rawValue: 0)

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
