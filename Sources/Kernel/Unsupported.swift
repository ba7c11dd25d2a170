/// Something the operator configured in the kernel that the router cannot honour, in words for a warning.
public struct Unsupported: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// What it is, written as `ip route` or `ip rule` would name it.
    public var subject: String
    /// What about it is not honoured, and what happens instead.
    public var reason: String

    public init(subject: String, reason: String) {
        self.subject = subject
        self.reason = reason
    }

    public var description: String { "\(subject): \(reason)" }

    public static func < (a: Self, b: Self) -> Bool { (a.subject, a.reason) < (b.subject, b.reason) }
}
