import Glibc

/// The text of an `errno` value, such as "No such file or directory".
///
/// strerror_r instead of strerror, whose buffer all threads share.
public func systemErrorText(_ code: Int32) -> String {
    unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { buffer in
        guard let base = buffer.baseAddress else { return "error \(code)" }
        guard unsafe strerror_r(code, base, buffer.count) == 0 else { return "error \(code)" }
        return unsafe String(cString: base)
    }
}
