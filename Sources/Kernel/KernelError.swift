import CXDP

/// Why the kernel could not be asked or did not agree.
public struct KernelError: Error, Hashable, Sendable, CustomStringConvertible {
    /// What was tried, in words that end a sentence beginning with "cannot".
    public var operation: String
    /// The errno value, positive; 0 if the failure is not the kernel's.
    public var code: Int32
    /// What else is known, such as the kernel's extended acknowledgement; may be empty.
    public var detail: String

    public init(_ operation: String, code: Int32 = 0, detail: String = "") {
        self.operation = operation
        self.code = code
        self.detail = detail
    }

    public var description: String {
        var text = "cannot \(operation)"
        if code != 0 {
            text += ": " + (unsafe String(cString: strerror(code)))
        }
        if !detail.isEmpty {
            text += code == 0 ? ": \(detail)" : " (\(detail))"
        }
        return text
    }
}

/// errno of the calling thread. (Its macro does not come over from C.)
var lastError: Int32 { unsafe __errno_location().pointee }
