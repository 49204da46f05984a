"""For teachers: a link that presets a start, locks or hides knobs, sets seed and question, and opens a class room."""

from pages.ui.teaching import teach_page

teach_page.show()
