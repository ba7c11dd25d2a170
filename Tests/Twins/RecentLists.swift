import Glibc
import TestSupport

/// What is on the lists of `recent`, one line an address, without the times, which run differently.
enum RecentLists {
    static let names = ["ONE", "TWO"]

    /// In the namespace of the calling thread.
    static func kernel() -> [String] {
        names.flatMap { name -> [String] in
            guard let bytes = try? readFile("/proc/thread-self/net/xt_recent/\(name)") else { return [] }
            return lines(name, String(decoding: bytes, as: UTF8.self))
        }
    }

    /// - Parameter text: lines `src=A ttl: N last_seen: T oldest_pkt: N T, T, …`; they have no order.
    static func lines(_ name: String, _ text: String) -> [String] {
        text.split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            guard words.count > 6 else { return "\(name) \(line)" }
            return "\(name) \(words[0]) ttl \(words[2]), next \(words[6]), \(words.count - 7) times"
        }.sorted()
    }
}
