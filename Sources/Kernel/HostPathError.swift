import Glibc

/// Why the host path could not be set up: what was tried, on which link, what the kernel said, and what to do about it.
public struct HostPathError: Error, CustomStringConvertible, Sendable {
    /// What was tried, such as "create the veth pair".
    public var operation: String
    /// Name of the link, or nil where none is concerned.
    public var link: String?
    /// errno, or 0 where the kernel had no part in it.
    public var code: Int32
    /// What to do, or nil where the code says it all.
    public var advice: String?

    public init(_ operation: String, link: String? = nil, code: Int32 = 0, advice: String? = nil) {
        self.operation = operation
        self.link = link
        self.code = code
        self.advice = advice ?? (code == EPERM ? "run as root, or with CAP_NET_ADMIN, CAP_SYS_ADMIN and CAP_BPF" : nil)
    }

    public var description: String {
        var text = link.map { "\($0): " } ?? ""
        text += operation
        if code != 0 { text += unsafe ": " + String(cString: strerror(code)) }
        if let advice { text += "; \(advice)" }
        return text
    }
}
