import Glibc

/// The kernel's own log (/dev/kmsg), which is the whole machine's, from some moment on.
public final class KernelMessages {
    private let descriptor: Int32
    private var buffer = [UInt8](repeating: 0, count: 8192)

    /// From what is logged next on.
    public init() throws {
        descriptor = unsafe open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { throw LabError("cannot read /dev/kmsg: errno \(errno)") }
        forget()
    }

    deinit { close(descriptor) }

    /// Passes over what was logged so far.
    public func forget() { lseek(descriptor, 0, SEEK_END) }

    /// The lines since the last call, with their severities.
    public func take() -> [(level: Int, text: Substring)] {
        var lines: [(level: Int, text: Substring)] = []
        while true {
            // One record a call: `SEVERITY,NUMBER,MICROSECONDS,FLAGS;LINE`. EPIPE: some were overwritten meanwhile.
            let count = unsafe read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EPIPE { continue }
            guard count > 0 else { return lines }
            let record = String(decoding: buffer[..<count], as: UTF8.self)
            guard let comma = record.firstIndex(of: ","), let number = Int(record[..<comma]),
                let semicolon = record.firstIndex(of: ";")
            else { continue }
            lines.append((number & 7, record[record.index(after: semicolon)...].prefix { $0 != "\n" }))
        }
    }
}
