import Control
import Net
import PacketIO

/// Several captures read as one, by the time of their frames; of frames at the same time, by the order of the captures. Within
/// one capture its own order stands, and no time goes back.
struct CaptureMerge {
    struct Item {
        /// Which of the captures.
        var source: Int
        var frame: PcapFrame
        /// In nanoseconds since 1970.
        var time: UInt64
    }

    private struct Source {
        var name: String
        var reader: PcapReader
        var head: PcapFrame?
        var headTime: UInt64 = 0
        var read = 0
    }

    private var sources: [Source] = []

    /// - Throws: what is wrong with a file, and where.
    init(_ files: [String]) throws(Failure) {
        for file in files {
            let bytes: [UInt8]
            do throws(PcapFileError) { bytes = try PcapFile.load(file) } catch { throw Failure("\(error)") }
            do throws(PcapError) {
                sources.append(Source(name: file, reader: try PcapReader(bytes)))
            } catch {
                throw Failure("\(file): \(error)")
            }
        }
        for index in sources.indices { try step(index) }
    }

    private mutating func step(_ index: Int) throws(Failure) {
        do throws(PcapError) {
            sources[index].head = try sources[index].reader.next()
        } catch {
            throw Failure("\(sources[index].name): \(error)")
        }
        guard let frame = sources[index].head else { return }
        sources[index].read += 1
        guard frame.bytes.count <= OfflineRouter.longestFrame else {
            throw Failure("\(sources[index].name): frame \(sources[index].read) has \(frame.bytes.count) bytes, more than Ethernet carries")
        }
        sources[index].headTime = max(frame.time ?? 0, sources[index].headTime)
    }

    /// The next frame, or nil when all captures are at their ends.
    mutating func next() throws(Failure) -> Item? {
        var first: Int?
        for index in sources.indices where sources[index].head != nil {
            if first.map({ sources[index].headTime < sources[$0].headTime }) ?? true { first = index }
        }
        guard let first, let frame = sources[first].head else { return nil }
        let item = Item(source: first, frame: frame, time: sources[first].headTime)
        try step(first)
        return item
    }
}
