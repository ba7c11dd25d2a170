import CXDP
import Glibc

/// A file without a name, for what a program reads and says. It vanishes with the value.
struct MemoryFile: ~Copyable {
    let descriptor: Int32

    /// - Parameter contents: what a program that gets the file as input reads.
    init(contents: String = "") throws {
        descriptor = unsafe martlet_memory_file("martlab")
        guard descriptor >= 0 else { throw LabError("no memory for a program's output: errno \(errno)") }
        var bytes = Array(contents.utf8)[...]
        while !bytes.isEmpty {
            let written = unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { throw LabError("cannot store a program's input: errno \(errno)") }
            bytes = bytes.dropFirst(written)
        }
        lseek(descriptor, 0, SEEK_SET)
    }

    deinit { close(descriptor) }

    /// All that was written so far.
    var contents: String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe pread(descriptor, &buffer, buffer.count, bytes.count)
            guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
    }
}
