import Net
import Synchronization

/// What host names in rules mean, where it is not this process that may ask the resolver: a daemon reads a client's rules with the
/// answers that the client's own resolver gave, and says which it lacks. So names mean what they mean where the operator sits,
/// and no change of the rules waits for a name server.
public final class HostNames: Sendable {
    /// What the resolver says of a name.
    public enum Answer: Hashable, Sendable {
        /// All addresses in the resolver's order, each once.
        case addresses([IPv4Address])
        case failure(String)
    }

    private let known: [String: Answer]
    private let unknown = Mutex<[String]>([])

    /// - Parameter known: the names that may be used.
    public init(_ known: [String: Answer]) { self.known = known }

    /// Names that were asked for and are not known, in the order they were met, each once. What was read with them is not to be used.
    public var missing: [String] { unknown.withLock { $0 } }

    /// What `read` reads meanwhile takes names from here.
    public func using<Result>(_ read: () -> Result) -> Result {
        Self.$current.withValue(self) { read() }
    }

    /// Asks this process's resolver. May take as long as name servers do.
    public static func resolve(_ name: String) -> Answer {
        switch Names.resolve(name) {
        case .success(let addresses): .addresses(addresses)
        case .failure(let failure): .failure(failure.reason)
        }
    }

    /// nil if this process's resolver is to be asked.
    @TaskLocal static var current: HostNames?

    func addresses(of name: String) -> Result<[IPv4Address], Names.ResolverFailure> {
        switch known[name] {
        case .addresses(let addresses): return .success(addresses)
        case .failure(let reason): return .failure(Names.ResolverFailure(reason: reason))
        case nil:
            unknown.withLock { list in if !list.contains(name) { list.append(name) } }
            return .failure(Names.ResolverFailure(reason: "not asked yet"))
        }
    }
}
