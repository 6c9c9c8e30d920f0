"""Opening files of the computer in front of the user: by a button, or dropped anywhere on the page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param
from panel.custom import JSComponent

from seg_app.io.packing import FILES, MEMBER, MOST_MEMBERS, TOO_MANY
from seg_app.io.zarr_files import MARKS
from seg_app.views import theme
from seg_app.views.reception import PART_BYTES

NO_IMAGE = "There is no image in this folder itself. Drop the folder that the images are in, or a Zarr folder itself."

MOST_PIECES = 1000
"""Small files that are sent at once: so many, and the page still says how far it is."""


class Upload(JSComponent):
    """Sends files in parts, with progress and cancel. The server tells the page when they are there."""

    ticket = param.String(doc="What the server knows the page by; empty where it takes no files.")
    part_bytes = param.Integer(default=PART_BYTES)
    accept = param.String(default=",".join(sorted(FILES)))
    no_image = param.String(default=NO_IMAGE)
    most_pieces = param.Integer(default=MOST_PIECES)
    marks = param.List(
        default=list(MARKS), doc="A folder with one of these files is a Zarr folder, whatever it is called."
    )
    member = param.String(
        default=f"^({MEMBER})$", doc="Which files of a Zarr folder are sent, as a regular expression."
    )
    most_members = param.Integer(default=MOST_MEMBERS)
    too_many = param.String(default=TOO_MANY)

    _esm = """
    export function render({ model }) {
      const root = document.createElement('div')
      const make = (tag, className, text) => {
        const node = document.createElement(tag)
        node.className = className
        node.textContent = text
        root.append(node)
        return node
      }
      const button = make('button', 'open', 'Open files …')
      const line = make('div', 'line', '')
      const stop = make('button', 'stop', 'Cancel')
      const veil = make('div', 'veil', 'Drop images to open them')
      const input = make('input', '', '')
      Object.assign(input, { type: 'file', multiple: true, accept: model.accept, hidden: true })
      let going = null
      const show = (text) => {
        line.textContent = text
        line.hidden = stop.hidden = !going
        button.hidden = Boolean(going)
      }
      const ask = async (step, query, body) => {
        const url = new URL(`upload/${step}${query}`, location.href.split('?')[0])
        const headers = { 'X-Upload-Ticket': model.ticket }
        const signal = step === 'cancel' ? null : going.signal
        const answer = await fetch(url, { method: 'POST', headers, body, signal })
        if (answer.ok) return
        const said = await answer.json().catch(() => null)
        throw new Error(said?.trouble ?? 'The server does not take the files. Reload the page and open them again.')
      }
      const megabytes = (n) => (n < 1e7 ? (n / 1e6).toFixed(1) : Math.round(n / 1e6))
      // all files are one row of bytes: a part is a piece of a large one, or many small ones
      function* partsOf(files) {
        let pieces = [], room = model.part_bytes
        for (const { path, file } of files) {
          for (let at = 0; at < file.size;) {
            const piece = file.slice(at, at + room)
            pieces.push(piece)
            at += piece.size
            room -= piece.size
            if (room && pieces.length < model.most_pieces) continue
            yield [path, new Blob(pieces)]
            pieces = []
            room = model.part_bytes
          }
        }
        if (pieces.length) yield [files.at(-1).path, new Blob(pieces)]
      }
      const send = async (files, folder) => {
        const total = files.reduce((sum, { file }) => sum + file.size, 0)
        const names = files.map(({ path, file }) => ({ name: path, size: file.size }))
        const list = new Blob([JSON.stringify({ folder, files: names })])
        if (list.size > model.part_bytes) throw new Error(model.too_many)
        await ask('begin', '', list)
        let sent = 0
        for (const [path, part] of partsOf(files)) {
          show(`${path.split('/')[0]}: ${megabytes(sent)} of ${megabytes(total)} MB`)
          await ask('part', `?offset=${sent}`, part)
          sent += part.size
        }
        show('Looking at what has come …')
        await ask('finish', '', '')
      }
      const open = async (look, folder = '') => {
        if (going) return
        going = new AbortController()
        show('Looking what is there …')
        try {
          await send(await look(going.signal), folder)
        } catch (error) {
          show('Removing what has come …')
          await ask('cancel', '', '').catch(() => null)
          if (error.name !== 'AbortError') {
            model.send_msg({ trouble: error instanceof TypeError
              ? 'The connection broke while files were sent. Open them again.' : error.message })
          }
        }
        going = null
        show('')
      }
      const entriesOf = async (folder, signal) => {
        const reader = folder.createReader(), entries = []
        for (let more; (more = await new Promise((done, fail) => reader.readEntries(done, fail))).length;) {
          signal.throwIfAborted()
          entries.push(...more)
        }
        return entries
      }
      const named = (file, path = file.name) => ({ path, file })
      const fileOf = async ([path, entry]) =>
        named(await new Promise((done, fail) => entry.file(done, fail)), path)
      const isKnown = ({ name }) => model.accept.split(',').some((end) => name.toLowerCase().endsWith(end))
      const member = new RegExp(model.member)
      const isZarr = ({ name }, entries) => name.toLowerCase().endsWith('.zarr')
        || entries.some((entry) => entry.isFile && model.marks.includes(entry.name))
      const membersOf = async (path, entries, found) => {
        const files = entries.filter((entry) => entry.isFile && member.test(entry.name))
        found.count += files.length
        if (found.count > model.most_members) throw new Error(model.too_many)
        const folders = entries.filter((entry) => entry.isDirectory && !entry.name.startsWith('.'))
        const inside = await Promise.all(folders.map(async (one) =>
          membersOf(`${path}/${one.name}`, await entriesOf(one, found.signal), found)))
        return [...files.map((one) => [`${path}/${one.name}`, one]), ...inside.flat()]
      }
      const takenOf = async (folder, found) => {
        const entries = await entriesOf(folder, found.signal)
        if (isZarr(folder, entries)) return membersOf(folder.name, entries, found)
        return entries.filter((entry) => entry.isFile && isKnown(entry)).map((one) => [one.name, one])
      }
      const inOrder = new Intl.Collator(undefined, { numeric: true })
      const lookInto = async (folders, files, signal) => {
        const found = { count: 0, signal }
        const taken = (await Promise.all(folders.map((one) => takenOf(one, found)))).flat()
        if (!taken.length && !files.length) throw new Error(model.no_image)
        while (taken.length) {  // some at a time: of all at once the page would hang, and could not be cancelled
          signal.throwIfAborted()
          files.push(...await Promise.all(taken.splice(-200).map(fileOf)))
          show(`Looking what is there: ${files.length} files …`)
        }
        return files.sort((a, b) => inOrder.compare(a.path, b.path))
      }
      button.onclick = () => input.click()
      input.onchange = () => {
        const files = [...input.files].map((file) => named(file))
        input.value = ''
        if (files.length) open(() => files)
      }
      stop.onclick = () => going?.abort()
      const brings = (event) => [...(event.dataTransfer?.types ?? [])].includes('Files')
      let depth = 0
      const listeners = {
        dragenter: () => { depth += 1; veil.hidden = false },
        dragleave: () => { depth -= 1; veil.hidden = depth <= 0 },
        dragover: () => {},
        drop: (event) => {
          depth = 0
          veil.hidden = true
          // now: nothing can be asked of the event later
          const items = [...event.dataTransfer.items].filter((item) => item.kind === 'file')
          const isFolder = (item) => item.webkitGetAsEntry?.()?.isDirectory
          const folders = items.filter(isFolder).map((item) => item.webkitGetAsEntry())
          const files = items.filter((item) => !isFolder(item)).map((item) => named(item.getAsFile()))
          if (folders.length) open((signal) => lookInto(folders, files, signal), folders[0].name)
          else if (files.length) open(() => files)
        },
      }
      const handlers = Object.entries(listeners).map(([kind, act]) => [kind, (event) => {
        if (!brings(event)) return
        event.preventDefault()  // else the browser leaves the page for the file
        act(event)
      }])
      for (const [kind, handler] of handlers) window.addEventListener(kind, handler)
      model.on('remove', () => { for (const [kind, handler] of handlers) window.removeEventListener(kind, handler) })
      veil.hidden = true
      show('')
      return root
    }
    """
    _stylesheets = [theme.UPLOAD_CSS]  # noqa: RUF012 - Panel's own way

    def __init__(self, ticket: str, complain: Callable[[str], None], **params: Any):
        super().__init__(ticket=ticket, sizing_mode="stretch_width", **params)
        self._complain = complain

    def _handle_msg(self, data: dict[str, Any]) -> None:
        self._complain(str(data.get("trouble", ""))[:500])
