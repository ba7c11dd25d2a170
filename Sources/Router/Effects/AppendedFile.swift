import Glibc

/// A file that only grows, and that others may move away and cut. It is opened when there is something to write.
struct AppendedFile: ~Copyable {
    let path: String
    private var descriptor: Int32 = -1

    init(path: String) { self.path = path }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Whether the next bytes begin what this value writes: since it was made or since `reopen`.
    var isClosed: Bool { descriptor < 0 }

    /// Appends bytes, all or none of them: what a full disk took of them is cut off again.
    ///
    /// - Returns: false if they are not in the file.
    mutating func append(_ bytes: [UInt8]) -> Bool {
        if descriptor < 0 {
            // Without waiting, in case the path is a pipe's that nobody reads.
            descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0o640)
            guard descriptor >= 0 else { return false }
        }
        var done = 0
        while done < bytes.count {
            let count = unsafe bytes.withUnsafeBytes {
                unsafe write(descriptor, $0.baseAddress.map { unsafe $0 + done }, $0.count - done)
            }
            if count >= 0 {
                done += count
            } else if errno != EINTR {
                var status = stat()
                if done > 0, unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG {
                    ftruncate(descriptor, status.st_size - done)
                }
                return false
            }
        }
        return true
    }

    /// Opens the path anew when there is more to write.
    mutating func reopen() {
        if descriptor >= 0 { close(descriptor) }
        descriptor = -1
    }
}
