import Glibc
import Net

/// Reads the operator's texts: configuration and rules, from files or standard input.
public enum TextFile {
    /// The most bytes a text may have, the same as a line on the control socket: 64 MiB.
    public static let limit = 64 << 20

    /// The whole text of a file; "-" is standard input.
    ///
    /// - Throws: a diagnostic naming the file if it cannot be read, is longer than `limit` bytes, or is not UTF-8 (with
    ///   the line of the first bad byte).
    public static func read(_ path: String) throws(Diagnostic) -> String {
        let bytes = try contents(path)
        if let text = String(validating: bytes, as: UTF8.self) { return text }
        let good = validPrefix(bytes)
        let line = bytes[..<good].reduce(into: 1) { line, byte in if byte == UInt8(ascii: "\n") { line += 1 } }
        throw Diagnostic(
            file: path, line: line, message: "byte 0x\(String(bytes[good], radix: 16)) is not UTF-8 text")
    }

    /// The whole text of a file of rules or sets, which may have bytes that are not UTF-8: they are kept (`String.init(keeping:)`).
    ///
    /// - Throws: a diagnostic naming the file if it cannot be read or is longer than `limit` bytes.
    public static func readRules(_ path: String) throws(Diagnostic) -> String { String(keeping: try contents(path)) }

    private static func contents(_ path: String) throws(Diagnostic) -> [UInt8] {
        let descriptor = path == "-" ? STDIN_FILENO : unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Diagnostic(file: path, message: "cannot be read: \(systemErrorText(errno))") }
        defer { if path != "-" { close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = unsafe Glibc.read(descriptor, &chunk, chunk.count)
            if count == 0 { return bytes }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw Diagnostic(file: path, message: "cannot be read: \(systemErrorText(errno))")
            }
            guard bytes.count + count <= limit else {
                throw Diagnostic(file: path, message: "is longer than \(limit >> 20) MiB")
            }
            bytes += chunk[..<count]
        }
    }

    /// How many leading bytes are well-formed UTF-8.
    private static func validPrefix(_ bytes: [UInt8]) -> Int {
        var decoder = UTF8()
        var iterator = bytes.makeIterator()
        var good = 0
        while case .scalarValue(let scalar) = decoder.decode(&iterator) { good += UTF8.width(scalar) }
        return min(good, bytes.count - 1)
    }
}
