import Glibc

/// The lines of a file.
enum TextLines {
    /// None if it cannot be read.
    static func of(_ path: String) -> [String] {
        guard let file = unsafe fopen(path, "r") else { return [] }
        defer { unsafe fclose(file) }
        var lines: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { unsafe free(line) }
        while unsafe getline(&line, &capacity, file) > 0, let bytes = unsafe line { lines.append(unsafe String(cString: bytes)) }
        return lines
    }
}
