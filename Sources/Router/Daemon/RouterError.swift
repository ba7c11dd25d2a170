/// Why the router cannot start or go on, in words for the operator: what failed, on what, and what to do.
public struct RouterError: Error, CustomStringConvertible, Sendable {
    public var description: String

    init(_ description: String) { self.description = description }
}
