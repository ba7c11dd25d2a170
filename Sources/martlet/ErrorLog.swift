import Glibc
import Logging

/// Writes the daemon's messages to standard error: local time, level and text, a line each.
struct ErrorLog: LogHandler {
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]
    var metadataProvider: Logger.MetadataProvider?

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        // At once, not when a buffer is full: what is said last is what matters if the daemon dies.
        Output.error.line("\(Self.time()) \(event.level): \(event.message)")
        try? Output.error.flush()
    }

    /// As 2026-11-21 07:00:45.
    private static func time() -> String {
        var now = Glibc.time(nil)
        var parts = unsafe tm()
        unsafe localtime_r(&now, &parts)
        var text = [CChar](repeating: 0, count: 32)
        let length = unsafe strftime(&text, text.count, "%Y-%m-%d %H:%M:%S", &parts)
        return String(decoding: text[..<length].map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}
