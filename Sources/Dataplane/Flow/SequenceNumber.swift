/// A TCP sequence number (RFC 9293, 3.4): arithmetic modulo 2³², ordered by the sign of the difference.
public struct SequenceNumber: Equatable, Sendable {
    public var rawValue: UInt32
    @inline(__always)
    public init(_ rawValue: UInt32) { self.rawValue = rawValue }

    /// Wrapping is what sequence numbers do.
    @inline(__always)
    public static func + (a: Self, distance: UInt32) -> Self { Self(a.rawValue &+ distance) }
    @inline(__always)
    public static func - (a: Self, distance: UInt32) -> Self { Self(a.rawValue &- distance) }
    /// How far `a` lies after `b`, modulo 2³².
    @inline(__always)
    public static func - (a: Self, b: Self) -> UInt32 { a.rawValue &- b.rawValue }

    @inline(__always)
    public func isBefore(_ other: Self) -> Bool { Int32(bitPattern: rawValue &- other.rawValue) < 0 }
    @inline(__always)
    public func isAfter(_ other: Self) -> Bool { other.isBefore(self) }
}
