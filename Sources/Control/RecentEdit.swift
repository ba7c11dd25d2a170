import Net

/// A change to a list of `-m recent`: what is written to its file in /proc/net/xt_recent.
public struct RecentEdit: Hashable, Sendable, Codable {
    public enum Action: String, Hashable, Sendable, Codable {
        /// Notes that the address was seen now (`+`).
        case add
        /// Takes the address off (`-`).
        case remove
        /// Takes all addresses off (`/`).
        case flush
    }

    /// The list's name.
    public var list: String
    public var action: Action
    /// For all but `flush`.
    public var address: IPv4Address?

    public init(list: String, action: Action, address: IPv4Address? = nil) {
        self.list = list
        self.action = action
        self.address = address
    }
}
