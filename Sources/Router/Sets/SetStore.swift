import Control
import Dataplane
import Rules
import Synchronization

/// The sets of a running router. They outlive the rules that name them.
///
/// Everything is done with `lock` held, which is taken inside `RouterCore.lock` and never around it. Workers do not know the lock: what
/// they look into changes element by element.
final class SetStore: @unchecked Sendable {
    let directory = SetDirectory()
    private let lock = Mutex(())
    private let book: SetBook
    /// The text the sets were last read from, if no command has changed them since.
    private var source: String?
    private var wasChanged = false
    /// Both as they were when the sets were remembered.
    private var rememberedSource: String?
    private var rememberedChange = false

    /// Whether a command has changed sets since they were last read from a file.
    var isModified: Bool { lock.withLock { _ in wasChanged } }

    /// - Parameters:
    ///   - prepared: the sets to begin with; see `prepare`.
    ///   - retire: has its argument called when every worker has passed a burst boundary.
    init(_ prepared: Prepared, retire: @escaping (@escaping @Sendable () -> Void) -> Void) {
        book = SetBook(directory: directory, retire: retire)
        _ = book.install(prepared.book.places)
        source = prepared.text
    }

    // MARK: Whole

    /// Sets read from a file and not yet in force.
    struct Prepared {
        var book: SetBook
        var text: String?
        /// CLOCK_MONOTONIC in nanoseconds, when it was read.
        var time: UInt64
        /// Of the book whose slots were used.
        fileprivate var version: UInt64
    }

    /// Reads the sets that are to take the place of all there are.
    ///
    /// - Parameters:
    ///   - taken: slots of the sets whose place they take.
    ///   - version: of the book that these are in.
    /// - Throws: everything that is wrong with the text.
    private static func prepare(
        _ text: String?, file: String, beside taken: Set<UInt16>, version: UInt64, at now: UInt64
    ) throws(Failure) -> Prepared {
        let book = SetBook(directory: nil, taken: taken)
        if let text {
            do throws(Diagnostics) {
                try SetPlan(text, file: file, exists: false, headers: [:]).perform(on: book, at: now)
            } catch {
                throw Failure("", diagnostics: error.list.map(Control.Diagnostic.init))
            }
        }
        return Prepared(book: book, text: text, time: now, version: version)
    }

    /// Reads the sets of a router that is to start.
    static func prepare(_ text: String?, file: String, at now: UInt64) throws(Failure) -> Prepared {
        try prepare(text, file: file, beside: [], version: 0, at: now)
    }

    /// Reads the sets that are to take the place of all there are.
    func prepare(_ text: String?, file: String, at now: UInt64) throws(Failure) -> Prepared {
        // The text may be long: it is read without the lock, and again if somebody takes a slot meanwhile; see `replace`.
        let (taken, version) = lock.withLock { _ in (Set(book.places.keys), book.headerVersion) }
        return try Self.prepare(text, file: file, beside: taken, version: version, at: now)
    }

    /// Where sets lie now, by name.
    var slots: [String: UInt16] { lock.withLock { _ in book.slotsByName } }

    /// Does something, such as compiling rules, during which no set comes or goes.
    ///
    /// - Parameter body: gets the slots by name; gives the names of the sets that the rules now in force refer to, one for each reference.
    func withSlots<E: Error>(_ body: ([String: UInt16]) throws(E) -> [String]) throws(E) {
        try lock.withLock { (_) throws(E) in book.setReferences(try body(book.slotsByName)) }
    }

    /// Replaces all sets, unless they are still what the same text made of them: then packets' own entries are kept. The new ones lie
    /// beside the old until no worker goes by the old rules, so each packet meets the old rules with the old sets or the new with the new.
    ///
    /// - Parameters:
    ///   - prepared: of this store.
    ///   - body: puts rules in force; as for `withSlots`, but it gets the slots of the new sets.
    func replace<E: Error>(with prepared: Prepared, _ body: ([String: UInt16]) throws(E) -> [String]) throws(E) {
        try lock.withLock { (_) throws(E) in
            if prepared.text == source {
                return book.setReferences(try body(book.slotsByName))
            }
            var prepared = prepared
            if prepared.version != book.headerVersion, let text = prepared.text {
                // A command took a slot meanwhile. The text was found good before.
                let again = try? Self.prepare(text, file: "", beside: Set(book.places.keys), version: book.headerVersion, at: prepared.time)
                prepared = again ?? prepared
            }
            let names = try announce(prepared.book.places) { () throws(E) in try body(prepared.book.slotsByName) }
            book.clear(book.install(prepared.book.places))
            book.setReferences(names)
            source = prepared.text
            wasChanged = false
        }
    }

    /// Has new sets lie in their slots, which nobody looks at yet, while `body` puts rules in force that name them.
    private func announce<E: Error>(_ new: [UInt16: SetBook.Place], _ body: () throws(E) -> [String]) throws(E) -> [String] {
        for (slot, place) in new { directory.set(slot, place.set.memory) }
        do {
            return try body()
        } catch {
            for slot in new.keys { directory.set(slot, nil) }
            throw error
        }
    }

    // MARK: On trial

    /// Keeps what is needed to bring back the sets of now.
    func remember() {
        lock.withLock { _ in
            book.remember()
            rememberedSource = source
            rememberedChange = wasChanged
        }
    }

    func forgetRemembered() { lock.withLock { _ in book.forgetMemento() } }

    /// Brings back the sets that were remembered, if a command has changed any since. They come a moment before the rules do.
    ///
    /// - Parameter body: puts rules in force; as for `withSlots`, but it gets the slots of the sets that come back.
    /// - Throws: what `body` throws; then the sets are as before.
    func bringBack<E: Error>(at now: UInt64, _ body: ([String: UInt16]) throws(E) -> [String]) throws(E) {
        try lock.withLock { (_) throws(E) in
            guard book.hasChangedSinceMemento else {
                book.setReferences(try body(book.slotsByName))
                return book.forgetMemento()
            }
            let present = book.places
            let left = book.install(book.rememberedPlaces(at: now))
            do throws(E) {
                book.setReferences(try body(book.slotsByName))
            } catch {
                book.clear(book.install(present))
                throw error
            }
            book.clear(left)
            book.forgetMemento()
            source = rememberedSource
            wasChanged = rememberedChange
        }
    }

    // MARK: Commands

    /// Restores a text: all of it or nothing.
    func restore(_ text: String, file: String, exists: Bool, at now: UInt64) throws(Diagnostics) {
        while true {
            let (headers, version) = lock.withLock { _ in
                (
                    Dictionary(uniqueKeysWithValues: book.places.values.map { ($0.name, $0.set.header) }),
                    book.headerVersion
                )
            }
            // The long part, without the lock.
            let plan = try SetPlan(text, file: file, exists: exists, headers: headers)
            let isDone = try lock.withLock { (_) throws(Diagnostics) in
                guard book.headerVersion == version else { return false }
                try plan.perform(on: book, at: now)
                source = nil
                wasChanged = true
                return true
            }
            if isDone { return }
        }
    }

    /// Carries out one command.
    /// - Returns: for `test`, whether the element is there, and how ipset would write it.
    func perform(_ words: [Word], exists: Bool, at now: UInt64) throws(RuleError) -> (isThere: Bool, element: String?) {
        while true {
            let (headers, version) = lock.withLock { _ in
                var headers: [String: SetHeader] = [:]
                for word in words { headers[word.text] = book.header(word.text) }
                return (headers, book.headerVersion)
            }
            // Without the lock: a name server may have to be asked what a word means.
            let instruction: SetInstruction?
            do throws(RuleError) {
                instruction = try SetInstruction.parse(words, toleratesExisting: exists) { headers[$0] }
            } catch {
                // What lies outside a map's range is not in it, and asking is no mistake.
                let isTest = words.first.map { ["test", "t", "-T", "--test"].contains($0.text) } ?? false
                if isTest, error.message == "Element is out of the range of the set" { return (false, nil) }
                throw error
            }
            guard let instruction else { return (true, nil) }
            if let answer = try carryOut(instruction, version, now) { return answer }
        }
    }

    /// - Parameter version: of the headers the instruction was read with.
    /// - Returns: nil if they are not the same any more.
    private func carryOut(
        _ instruction: SetInstruction, _ version: UInt64, _ now: UInt64
    ) throws(RuleError) -> (isThere: Bool, element: String?)? {
        try lock.withLock { (_) throws(RuleError) in
            guard book.headerVersion == version else { return nil }
            if case .test(let name, let entry, let notes, let word) = instruction {
                return (try test(name, entry, notes, word, now), word.text)
            }
            var journal: [SetBook.Reversal] = []
            // As ipset: elements of one word that were added before one is refused stay.
            try book.apply(instruction, at: now, journal: &journal)
            source = nil
            wasChanged = true
            return (true, nil)
        }
    }

    private func test(
        _ name: Word, _ entry: SetEntry, _ notes: SetNotes, _ word: Word, _ now: UInt64
    ) throws(RuleError) -> Bool {
        guard let set = book[name.text]?.set else { return false }
        guard let key = set.key(of: entry, slot: { book.slot($0) }) else { return false }
        if let place = notes.place {
            guard let reference = book.slot(place.reference.text) else { return false }
            var keys: [UInt32] = []
            set.memory.forEach(at: now) { keys.append($0.key.a) }
            guard let at = keys.firstIndex(of: key.a) else { return false }
            let neighbour = place.isBefore ? at + 1 : at - 1
            return keys.indices.contains(neighbour) && keys[neighbour] == UInt32(reference)
        }
        // A host is asked about as a packet would, a network for itself (mtype_test in ip_set_hash_gen.h).
        let isHost = set.type == .hashNet ? key.b == 32 : set.type == .hashNetPort && key.c == 32
        if isHost {
            let found = set.memory.contains(address: key.a, key.b, at: now)
            return notes.isNomatch ? found == nil : found == true
        }
        guard let record = set.memory.record(of: key, at: now) else { return false }
        return set.type.hasNetworks ? record.isNomatch == notes.isNomatch : true
    }

    /// Lists sets; the text comes in pieces, and is collected before any is given away.
    ///
    /// - Throws: if there is no set of this name.
    func list(_ name: String?, _ form: SetListForm, at now: UInt64) throws(RuleError) -> [String] {
        try lock.withLock { (_) throws(RuleError) in
            if let name, book[name] == nil {
                throw RuleError("The set with the given name does not exist", exitCode: 1)
            }
            var pieces: [String] = []
            book.list(name, form, at: now) { pieces.append($0) }
            return pieces
        }
    }

    /// What a set is, and its elements, for programs.
    func rows(_ name: String?, withElements: Bool, at now: UInt64) -> [SetRow] {
        lock.withLock { _ in
            book.inOrder.filter { name == nil || $0.place.name == name }.map { _, place in
                var elements: [SetElementRow] = []
                var count = 0
                place.set.memory.forEach(at: now) { record in
                    count += 1
                    guard withElements else { return }
                    let element = place.set.element(record, at: now) { book.name($0) }
                    elements.append(
                        SetElementRow(
                            element: element.entry.description, isNomatch: element.isNomatch ? true : nil,
                            timeout: element.timeout, packets: element.counters?.packets, bytes: element.counters?.bytes,
                            comment: element.comment))
                }
                return SetRow(
                    name: place.name, type: place.set.type.rawValue,
                    header: place.set.header.text,
                    memory: place.set.memory.byteCount, references: place.references + place.listings, entries: count,
                    refused: place.set.memory.refused, elements: withElements ? elements : nil)
            }
        }
    }

    /// What sets need now and then. Does not wait: who restores a large text comes by again.
    func maintain(at now: UInt64) { _ = lock.withLockIfAvailable { _ in book.maintain(at: now) } }
}
