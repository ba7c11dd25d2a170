import Glibc

/// Why a port or the memory behind the ports could not be had: what was tried, on which NIC, what the kernel said, and
/// what to do about it.
public struct PacketIOError: Error, CustomStringConvertible, Sendable {
    /// What was tried, such as "bind queue 1".
    public var operation: String
    /// Name of the NIC, or nil where none is concerned.
    public var port: String?
    /// errno, or 0 where the kernel had no part in it.
    public var code: Int32
    /// What to do, or nil where the code says it all.
    public var advice: String?

    public init(_ operation: String, port: String? = nil, code: Int32 = 0, advice: String? = nil) {
        self.operation = operation
        self.port = port
        self.code = code
        self.advice = advice
    }

    public var description: String {
        var text = port.map { "\($0): " } ?? ""
        text += operation
        if code != 0 { text += unsafe ": " + String(cString: strerror(code)) }
        if let advice { text += "; \(advice)" }
        return text
    }
}
