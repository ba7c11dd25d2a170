import CXDP

/// Small files: sysctls under /proc/sys, and our own notes. Paths under /proc/sys/net are those of the calling
/// thread's network namespace; /proc/net is the process's, and /proc/thread-self/net the thread's.
enum TextFile {
    /// - Returns: the content, or nil if there is no such file.
    /// - Throws: `KernelError` for every other failure, and for more than a megabyte.
    static func read(_ path: String) throws(KernelError) -> String? {
        guard let file = unsafe fopen(path, "re") else {
            if lastError == ENOENT || lastError == ENODEV { return nil }
            throw KernelError("open \(path)", code: lastError)
        }
        defer { _ = unsafe fclose(file) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while content.count <= 1 << 20 {
            let count = unsafe buffer.withUnsafeMutableBytes { unsafe fread($0.baseAddress, 1, $0.count, file) }
            content += buffer[..<count]
            if count < buffer.count {
                guard unsafe ferror(file) == 0 else { throw KernelError("read \(path)", code: lastError) }
                return String(decoding: content, as: UTF8.self)
            }
        }
        throw KernelError("read \(path)", code: EFBIG)
    }

    /// The content without white space at its ends; nil if there is no such file or it cannot be read.
    static func value(_ path: String) -> String? {
        guard let text = try? read(path) else { return nil }
        return text.split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }

    /// Writes a sysctl, which must exist.
    static func set(_ path: String, to value: String) throws(KernelError) {
        guard let file = unsafe fopen(path, "r+e") else { throw KernelError("open \(path)", code: lastError) }
        let isWritten = unsafe fputs(value, file) >= 0 && fflush(file) == 0
        let code = lastError
        _ = unsafe fclose(file)
        guard isWritten else { throw KernelError("write \(path)", code: code) }
    }

    /// Replaces a file whole: whoever reads it finds the old content or the new, also after a crash.
    static func replace(_ path: String, with content: String) throws(KernelError) {
        let draft = path + ".new"
        guard let file = unsafe fopen(draft, "we") else { throw KernelError("create \(draft)", code: lastError) }
        let isWritten = unsafe fputs(content, file) >= 0 && fflush(file) == 0 && fsync(fileno(file)) == 0
        let code = lastError
        _ = unsafe fclose(file)
        guard isWritten else { throw KernelError("write \(draft)", code: code) }
        guard unsafe rename(draft, path) == 0 else { throw KernelError("rename \(draft)", code: lastError) }
    }

    /// Removes a file; one that is not there is fine.
    static func remove(_ path: String) throws(KernelError) {
        guard unsafe unlink(path) == 0 || lastError == ENOENT else {
            throw KernelError("remove \(path)", code: lastError)
        }
    }

    /// Makes a directory, and those above it, unless they are there.
    static func makeDirectory(_ path: String) throws(KernelError) {
        var prefix = ""
        for part in path.split(separator: "/") {
            prefix += (prefix.isEmpty && !path.hasPrefix("/") ? "" : "/") + part
            guard unsafe mkdir(prefix, 0o755) == 0 || lastError == EEXIST else {
                throw KernelError("make the directory \(prefix)", code: lastError)
            }
        }
    }
}
